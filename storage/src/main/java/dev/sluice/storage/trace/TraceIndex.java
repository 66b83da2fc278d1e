package dev.sluice.storage.trace;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.TreeMap;

/** Where each chunk and blob of a trace lies, and the checksum that its bytes must have. Grows as chunks arrive. */
final class TraceIndex {
  /** A blob record: its offset in the file, the length of its value and the CRC32C of key and value. */
  record BlobEntry(long offset, int valueBytes, int payloadCrc) {}

  private final TraceHeader header;
  private final TreeMap<String, BlobEntry> blobs = new TreeMap<>();
  private long[] offsets = new long[64];
  private int[] firings = new int[64];
  private int[] payloadCrcs = new int[64];
  private int chunks;

  TraceIndex(TraceHeader header) {
    this.header = header;
  }

  int chunks() {
    return chunks;
  }

  TreeMap<String, BlobEntry> blobs() {
    return blobs;
  }

  /** Layer of the chunk that comes next. */
  int nextLayer() {
    return chunks / header.chunksPerLayer();
  }

  /** Index within its layer of the chunk that comes next. */
  int nextChunkIndex() {
    return chunks % header.chunksPerLayer();
  }

  /** Whether a chunk is the one that comes next. */
  boolean expects(ChunkHead chunk) {
    return chunk.layer() == nextLayer()
        && chunk.firstToken() == header.firstToken(nextChunkIndex());
  }

  long offset(int layer, int chunkIndex) {
    return offsets[number(layer, chunkIndex)];
  }

  int firings(int layer, int chunkIndex) {
    return firings[number(layer, chunkIndex)];
  }

  int payloadCrc(int layer, int chunkIndex) {
    return payloadCrcs[number(layer, chunkIndex)];
  }

  private int number(int layer, int chunkIndex) {
    return layer * header.chunksPerLayer() + chunkIndex;
  }

  void add(long offset, int chunkFirings, int payloadCrc) {
    if (chunks == offsets.length) {
      offsets = Arrays.copyOf(offsets, 2 * chunks);
      firings = Arrays.copyOf(firings, 2 * chunks);
      payloadCrcs = Arrays.copyOf(payloadCrcs, 2 * chunks);
    }
    offsets[chunks] = offset;
    firings[chunks] = chunkFirings;
    payloadCrcs[chunks] = payloadCrc;
    chunks++;
  }

  /** Index and footer, to be written at {@code indexOffset}. */
  byte[] encode(long indexOffset) {
    int indexBytes = TraceFormat.INDEX_HEAD_BYTES + chunks * TraceFormat.INDEX_ENTRY_BYTES;
    for (String key : blobs.keySet()) {
      indexBytes += 2 + key.getBytes(StandardCharsets.UTF_8).length + 16;
    }
    byte[] bytes = new byte[indexBytes + TraceFormat.FOOTER_BYTES];
    ByteBuffer target = TraceFormat.wrap(bytes);
    target.putInt(TraceFormat.INDEX_TAG).putInt(chunks).putInt(blobs.size());
    for (int c = 0; c < chunks; c++) {
      target.putInt(c / header.chunksPerLayer());
      target.putInt(header.firstToken(c % header.chunksPerLayer()));
      target.putLong(offsets[c]).putInt(firings[c]).putInt(payloadCrcs[c]);
    }
    blobs.forEach(
        (key, blob) -> {
          TraceFormat.putText(target, key);
          target.putLong(blob.offset()).putInt(blob.valueBytes()).putInt(blob.payloadCrc());
        });
    target.putInt(TraceFormat.FOOTER_TAG).putInt(TraceFormat.crc(bytes, 0, indexBytes));
    target.putLong(indexOffset).putLong(indexBytes).putLong(indexOffset + bytes.length);
    target.putInt(TraceFormat.crc(bytes, indexBytes, 32));
    target.putLong(TraceFormat.END_MAGIC);
    return bytes;
  }

  /** Feeds what the index says of the content, and nothing of where it lies. */
  void digest(MessageDigest digest) {
    byte[] entry = new byte[8];
    for (int c = 0; c < chunks; c++) {
      TraceFormat.wrap(entry).putInt(firings[c]).putInt(payloadCrcs[c]);
      digest.update(entry);
    }
    blobs.forEach(
        (key, blob) -> {
          digest.update(key.getBytes(StandardCharsets.UTF_8));
          digest.update((byte) 0);
          TraceFormat.wrap(entry).putInt(blob.valueBytes()).putInt(blob.payloadCrc());
          digest.update(entry);
        });
  }

  /**
   * Reads an index whose checksum has been verified.
   *
   * @param recordsStart first byte behind the header
   * @param recordsEnd first byte of the index
   * @throws IllegalArgumentException with what is wrong
   */
  static TraceIndex decode(TraceHeader header, byte[] bytes, long recordsStart, long recordsEnd) {
    ByteBuffer source = TraceFormat.wrap(bytes);
    try {
      return decode(header, source, recordsStart, recordsEnd);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("is cut short", e);
    }
  }

  private static TraceIndex decode(
      TraceHeader header, ByteBuffer source, long recordsStart, long recordsEnd) {
    require(source.getInt() == TraceFormat.INDEX_TAG, "is no index");
    int chunks = source.getInt();
    int blobs = source.getInt();
    require(chunks == header.layers() * header.chunksPerLayer(), "lists " + chunks + " chunks");
    require(blobs >= 0 && blobs <= TraceFormat.MAX_BLOBS, "lists " + blobs + " blobs");
    require((long) chunks * TraceFormat.INDEX_ENTRY_BYTES <= source.remaining(), "is cut short");
    TraceIndex index = new TraceIndex(header);
    long free = recordsStart;
    for (int c = 0; c < chunks; c++) {
      int layer = source.getInt();
      int firstToken = source.getInt();
      long offset = source.getLong();
      require(
          layer == index.nextLayer() && firstToken == header.firstToken(index.nextChunkIndex()),
          "has entry " + c + " out of order");
      require(
          offset >= free && offset <= recordsEnd - TraceFormat.CHUNK_HEAD_BYTES,
          "puts chunk " + c + " at byte " + offset);
      free = offset + TraceFormat.CHUNK_HEAD_BYTES;
      index.add(offset, source.getInt(), source.getInt());
    }
    for (int b = 0; b < blobs; b++) {
      String key = TraceFormat.text(source);
      require(TraceFormat.validKey(key), "has a key for blob " + b + " that is none");
      BlobEntry blob = new BlobEntry(source.getLong(), source.getInt(), source.getInt());
      long head = TraceFormat.BLOB_HEAD_BYTES + (long) key.getBytes(StandardCharsets.UTF_8).length;
      require(
          blob.offset() >= recordsStart
              && blob.valueBytes() >= 0
              && blob.offset() <= recordsEnd - head - blob.valueBytes(),
          "puts blob " + b + " at byte " + blob.offset());
      require(
          index.blobs.isEmpty() || key.compareTo(index.blobs.lastKey()) > 0,
          "has blob " + b + " out of order");
      index.blobs.put(key, blob);
    }
    require(!source.hasRemaining(), "is too long");
    return index;
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }
}
