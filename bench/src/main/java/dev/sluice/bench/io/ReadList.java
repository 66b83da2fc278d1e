package dev.sluice.bench.io;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.ReadBatch;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Requests in batches, of which each begins when the one before has landed whole. As a file, little-endian: u64 batches, then
 * for each batch u64 requests and for each request u64 file offset, u64 length, u64 place in memory. Immutable.
 */
public record ReadList(List<Batch> batches) {
  private static final int WORD_BYTES = 8;
  private static final int WORDS_OF_REQUEST = 3;

  public ReadList {
    batches = List.copyOf(batches);
  }

  /** One batch: three arrays of one length, which belong to it. */
  public record Batch(long[] offsetBytes, int[] lengthBytes, long[] placeBytes) {
    /** A copy of what a planner has filled. */
    public static Batch of(ReadBatch batch) {
      int size = batch.size();
      Batch copy = new Batch(new long[size], new int[size], new long[size]);
      for (int i = 0; i < size; i++) {
        copy.offsetBytes[i] = batch.fileOffsetBytes(i);
        copy.lengthBytes[i] = batch.lengthBytes(i);
        copy.placeBytes[i] = batch.targetOffsetBytes(i);
      }
      return copy;
    }

    /**
     * Reads all of it and waits for the last.
     *
     * @param batch overwritten
     * @return sum of the first word of every request
     */
    public long read(BlockReader reader, ReadBatch batch) {
      batch.clear();
      for (int i = 0; i < size(); i++) {
        batch.add(offsetBytes[i], lengthBytes[i], placeBytes[i]);
      }
      reader.start(batch);
      long check = 0;
      for (int i = reader.next(); i >= 0; i = reader.next()) {
        check += batch.target().get(ValueLayout.JAVA_LONG, placeBytes[i]);
      }
      return check;
    }

    int size() {
      return offsetBytes.length;
    }

    long bytes() {
      long bytes = 0;
      for (int length : lengthBytes) {
        bytes += length;
      }
      return bytes;
    }
  }

  /**
   * One batch of random aligned reads that land side by side.
   *
   * @param fileBytes the file's size
   * @param requestBytes of every request, and what their offsets are multiples of
   */
  static ReadList random(long fileBytes, int requestBytes, int requests, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long[] offsets = new long[requests];
    int[] lengths = new int[requests];
    long[] places = new long[requests];
    for (int i = 0; i < requests; i++) {
      offsets[i] = random.nextLong(fileBytes / requestBytes) * requestBytes;
      lengths[i] = requestBytes;
      places[i] = (long) i * requestBytes;
    }
    return new ReadList(List.of(new Batch(offsets, lengths, places)));
  }

  public long requests() {
    return batches.stream().mapToLong(Batch::size).sum();
  }

  public long bytes() {
    return batches.stream().mapToLong(Batch::bytes).sum();
  }

  /** Memory that the widest batch needs. */
  public long memoryBytes() {
    long most = 0;
    for (Batch batch : batches) {
      for (int i = 0; i < batch.size(); i++) {
        most = Math.max(most, batch.placeBytes()[i] + batch.lengthBytes()[i]);
      }
    }
    return most;
  }

  void write(Path file) {
    long words = 1;
    for (Batch batch : batches) {
      words += 1 + (long) WORDS_OF_REQUEST * batch.size();
    }
    ByteBuffer buffer =
        ByteBuffer.allocate(Math.toIntExact(words * WORD_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(batches.size());
    for (Batch batch : batches) {
      buffer.putLong(batch.size());
      for (int i = 0; i < batch.size(); i++) {
        buffer.putLong(batch.offsetBytes()[i]).putLong(batch.lengthBytes()[i])
            .putLong(batch.placeBytes()[i]);
      }
    }
    try {
      Files.write(file, buffer.array());
    } catch (IOException e) {
      throw new FaultException(file, "cannot be written (" + FaultException.reason(e) + ")",
          "free some space there", e);
    }
  }

  /** Reads what {@link #write} wrote. */
  static ReadList read(Path file) throws IOException {
    ByteBuffer buffer =
        ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int count = Math.toIntExact(buffer.getLong());
    List<Batch> batches = new ArrayList<>();
    for (int b = 0; b < count; b++) {
      int size = Math.toIntExact(buffer.getLong());
      Batch batch = new Batch(new long[size], new int[size], new long[size]);
      for (int i = 0; i < size; i++) {
        batch.offsetBytes()[i] = buffer.getLong();
        batch.lengthBytes()[i] = Math.toIntExact(buffer.getLong());
        batch.placeBytes()[i] = buffer.getLong();
      }
      batches.add(batch);
    }
    return new ReadList(batches);
  }
}
