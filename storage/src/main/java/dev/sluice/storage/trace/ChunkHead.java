package dev.sluice.storage.trace;

import java.nio.ByteBuffer;

/**
 * The fixed part of a chunk record, as {@link TraceFormat} lays it out.
 *
 * @param firings set bits in the bitmap, and so magnitude codes behind it
 * @param rawBytes payload bytes before compression
 * @param storedBytes payload bytes in the file
 * @param payloadCrc CRC32C of the stored bytes
 */
record ChunkHead(
    int layer,
    int firstToken,
    int tokens,
    int firings,
    int codec,
    int rawBytes,
    int storedBytes,
    int payloadCrc) {
  static final int STORED = 0;
  static final int LZ4 = 1;

  /** One LZ4 byte stands for 255 bytes at most; a claim beyond that is refused before anything is allocated. */
  private static final int LZ4_MAX_RATIO = 255;

  long recordBytes() {
    return TraceFormat.CHUNK_HEAD_BYTES + (long) storedBytes;
  }

  byte[] encode() {
    byte[] head = new byte[TraceFormat.CHUNK_HEAD_BYTES];
    ByteBuffer target = TraceFormat.wrap(head);
    target.putInt(TraceFormat.CHUNK_TAG).putInt(layer).putInt(firstToken).putInt(tokens);
    target.putInt(firings).putInt(codec).putInt(rawBytes).putInt(storedBytes).putInt(payloadCrc);
    target.putInt(TraceFormat.crc(head, 0, head.length - 4));
    return head;
  }

  /**
   * Reads and judges the fixed part.
   *
   * @param head exactly {@link TraceFormat#CHUNK_HEAD_BYTES} bytes
   * @param availableBytes bytes that the file has behind it
   * @throws IllegalArgumentException with what is wrong
   */
  static ChunkHead decode(TraceHeader header, byte[] head, long availableBytes) {
    ByteBuffer source = TraceFormat.wrap(head);
    if (source.getInt() != TraceFormat.CHUNK_TAG) {
      throw new IllegalArgumentException("is no chunk");
    }
    ChunkHead chunk =
        new ChunkHead(
            source.getInt(),
            source.getInt(),
            source.getInt(),
            source.getInt(),
            source.getInt(),
            source.getInt(),
            source.getInt(),
            source.getInt());
    if (source.getInt() != TraceFormat.crc(head, 0, TraceFormat.CHUNK_HEAD_BYTES - 4)) {
      throw new IllegalArgumentException("has a wrong checksum in its head");
    }
    chunk.check(header, availableBytes);
    return chunk;
  }

  private void check(TraceHeader header, long availableBytes) {
    boolean inGrid =
        layer >= 0
            && layer < header.layers()
            && firstToken >= 0
            && firstToken < header.tokens()
            && firstToken % header.chunkTokens() == 0
            && tokens == header.tokensOf(firstToken / header.chunkTokens());
    if (!inGrid) {
      throw new IllegalArgumentException(
          "claims layer " + layer + " and tokens from " + firstToken
              + ", which the header rules out");
    }
    if (firings < 0 || firings > (long) tokens * header.neurons()) {
      throw new IllegalArgumentException("claims " + firings + " firings");
    }
    if (rawBytes != rawBytes(header, tokens, firings)) {
      throw new IllegalArgumentException("claims " + rawBytes + " bytes unpacked");
    }
    boolean lengthFits =
        switch (codec) {
          case STORED -> storedBytes == rawBytes;
          case LZ4 ->
              storedBytes > 0 && storedBytes < rawBytes && rawBytes / LZ4_MAX_RATIO <= storedBytes;
          default -> throw new IllegalArgumentException("has unknown codec " + codec);
        };
    if (!lengthFits || storedBytes > availableBytes) {
      throw new IllegalArgumentException("claims " + storedBytes + " bytes packed");
    }
  }

  static long rawBytes(TraceHeader header, int tokens, int firings) {
    return (long) tokens * header.words() * Long.BYTES + (long) firings * Short.BYTES;
  }
}
