package dev.sluice.bench.impose;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.session.Engine;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.DirectFile;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Which neurons of each layer fire at each token of one text when all are computed and the exact rule holds, in a file that
 * is read token by token, past the page cache, so that a run under a memory limit does not pay for it. One thread; owns the
 * open file.
 *
 * <p>The file, little-endian: a page with "SLUICEFIRINGS 2\n", the store's digest (64 ASCII), the CRC32C of the token ids,
 * layers, tokens, neurons and the CRC32C of all that follows the page (int32 each); then for each token, padded with zeros to
 * whole pages, layer by layer ceil(neurons / 64) int64 of bits.
 */
public final class DenseFirings implements AutoCloseable {
  private static final byte[] MAGIC = "SLUICEFIRINGS 2\n".getBytes(StandardCharsets.US_ASCII);
  private static final int PAGE_BYTES = 4096;
  private static final int BLOCK_POSITIONS = 64;

  private final Path file;
  private final FileChannel channel;
  private final int tokens;
  private final Rows rows;
  private final ByteBuffer row; // one token's, page-aligned
  private final LongBuffer bits;

  /** What decides where a bit lies. */
  private record Rows(int layers, int neurons) {
    static Rows of(ModelSpec spec) {
      return new Rows(spec.layers(), spec.feedForward());
    }

    int words() {
      return (neurons + 63) / 64;
    }

    int bytes() {
      return Math.ceilDiv(layers * words() * Long.BYTES, PAGE_BYTES) * PAGE_BYTES;
    }

    int word(int layer, int neuron) {
      return layer * words() + (neuron >>> 6);
    }
  }

  private DenseFirings(Path file, FileChannel channel, Rows rows, int tokens) {
    this.file = file;
    this.channel = channel;
    this.rows = rows;
    this.tokens = tokens;
    row = page(rows.bytes());
    bits = row.asLongBuffer();
  }

  private static ByteBuffer page(int bytes) {
    return ByteBuffer.allocateDirect(bytes + PAGE_BYTES).alignedSlice(PAGE_BYTES).slice(0, bytes)
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Heap that making the file of so many tokens takes. */
  public static long recordingHeapBytes(ModelSpec spec, int tokens) {
    return (long) tokens * Rows.of(spec).bytes();
  }

  /** The recording in {@code file}; made first if it is not there. */
  public static DenseFirings of(Path file, Engine engine, int[] ids, ProgressListener progress) {
    if (!Files.exists(file)) {
      record(file, engine, ids, progress);
    }
    return open(file, engine, ids);
  }

  /** Runs {@code ids} through the model as one context and leaves what fires in {@code file}. */
  private static void record(Path file, Engine engine, int[] ids, ProgressListener progress) {
    ModelSpec spec = engine.store().spec();
    Rows rows = Rows.of(spec);
    ByteBuffer all = ByteBuffer.allocate(Math.multiplyExact(ids.length, rows.bytes()))
        .order(ByteOrder.LITTLE_ENDIAN);
    try (LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, BLOCK_POSITIONS);
      Sequence sequence = sweep.window(ids);
      sweep.run(List.of(sequence), Activity.exact(spec.layers()),
          new AllNeurons(spec.feedForward()), new Observer(rows, all, progress));
    }
    write(file, engine, ids, all);
  }

  private record Observer(Rows rows, ByteBuffer all, ProgressListener progress)
      implements LayerObserver {
    @Override
    public boolean wantsColumnNorms() {
      return false;
    }

    @Override
    public void layerStarts(LayerWeights weights, float[] columnNorms) {}

    @Override
    public void observe(Block block) {
      int count = block.count();
      int layer = block.weights().layer();
      for (int t = 0; t < count; t++) { // blocks have tokens of their own, so threads share no word
        int at = (block.firstToken() + t) * rows.bytes();
        for (int i = 0; i < rows.neurons(); i++) {
          if (block.outputs()[i * count + t] != 0) {
            int word = at + rows.word(layer, i) * Long.BYTES;
            all.putLong(word, all.getLong(word) | 1L << i);
          }
        }
      }
    }

    @Override
    public void layerEnds(int layer) {
      progress.progress(layer + 1, rows.layers());
    }
  }

  private static ByteBuffer header(Engine engine, int[] ids) {
    ModelSpec spec = engine.store().spec();
    ByteBuffer header = page(PAGE_BYTES);
    header.put(MAGIC).put(engine.store().digest().getBytes(StandardCharsets.US_ASCII));
    header.putInt(idsChecksum(ids)).putInt(spec.layers()).putInt(ids.length)
        .putInt(spec.feedForward());
    return header;
  }

  private static int idsChecksum(int[] ids) {
    ByteBuffer bytes =
        ByteBuffer.allocate(ids.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(ids);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  private static void write(Path file, Engine engine, int[] ids, ByteBuffer all) {
    CRC32C crc = new CRC32C();
    crc.update(all.duplicate());
    ByteBuffer header = header(engine, ids).putInt((int) crc.getValue()).rewind();
    Path beside = file.resolveSibling(file.getFileName() + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(beside, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        for (ByteBuffer part : List.of(header, all)) {
          while (part.hasRemaining()) {
            channel.write(part);
          }
        }
        channel.force(true);
      }
      Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new FaultException(file, "cannot be written (" + FaultException.reason(e) + ")",
          "check folder and disk", e);
    }
  }

  private static DenseFirings open(Path file, Engine engine, int[] ids) {
    FileChannel channel;
    try {
      channel = DirectFile.open(file, StandardOpenOption.READ);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    DenseFirings firings =
        new DenseFirings(file, channel, Rows.of(engine.store().spec()), ids.length);
    try {
      firings.check(header(engine, ids));
      return firings;
    } catch (RuntimeException | Error e) {
      firings.close();
      throw e;
    }
  }

  private void check(ByteBuffer expected) {
    ByteBuffer header = page(PAGE_BYTES);
    try {
      if (channel.size() != PAGE_BYTES + (long) tokens * rows.bytes()) {
        throw otherRun(file);
      }
      channel.read(header, 0);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    int length = expected.position();
    if (!header.slice(0, length).equals(expected.slice(0, length))) {
      throw otherRun(file);
    }
    CRC32C crc = new CRC32C();
    for (int token = 0; token < tokens; token++) {
      go(token);
      crc.update(row.duplicate().rewind());
    }
    if (header.getInt(length) != (int) crc.getValue()) {
      throw new FaultException(file, "does not match its checksum", "delete it; it is made again");
    }
  }

  private static FaultException unreadable(Path file, IOException e) {
    return new FaultException(file, "cannot be read (" + FaultException.reason(e) + ")",
        "check the file", e);
  }

  private static BadInputException otherRun(Path file) {
    return new BadInputException(file, "it records another store or other tokens",
        "delete it, and it is made again, or name another file");
  }

  /** Tokens recorded. */
  int tokens() {
    return tokens;
  }

  /** Reads a token's row: what the others tell is of that token. */
  void go(int token) {
    row.clear();
    long at = PAGE_BYTES + (long) token * rows.bytes();
    try {
      while (row.hasRemaining()) {
        if (channel.read(row, at + row.position()) <= 0) {
          throw new FaultException(file, "ends too early", "delete it; it is made again");
        }
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** Longs of a layer's bitmap. */
  int words() {
    return rows.words();
  }

  /** One of them: neuron i fires if bit i % 64 of word i / 64 is set. */
  long bits(int layer, int word) {
    return bits.get(layer * rows.words() + word);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }
}
