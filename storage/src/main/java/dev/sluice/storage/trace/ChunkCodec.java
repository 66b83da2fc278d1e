package dev.sluice.storage.trace;

import java.nio.ByteBuffer;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;

/**
 * Turns chunks into record bytes and back. Keeps its buffers from one chunk to the next; not thread-safe.
 *
 * <p>LZ4 is the pure Java one without Unsafe: it needs no library unpacked into a temporary folder, cannot read or write
 * beyond its arrays whatever the bytes are, and gives the same bytes on every machine, so that a resumed trace equals an
 * uninterrupted one.
 */
final class ChunkCodec {
  private final TraceHeader header;
  private final LZ4Compressor compressor = LZ4Factory.safeInstance().fastCompressor();
  private final LZ4SafeDecompressor decompressor = LZ4Factory.safeInstance().safeDecompressor();
  private byte[] raw = new byte[0];
  private byte[] packed = new byte[0];

  ChunkCodec(TraceHeader header) {
    this.header = header;
  }

  /** A record's fixed part and its payload, which stays valid until the next call. */
  record Encoded(ChunkHead head, byte[] payload) {}

  /**
   * Packs a chunk; LZ4 only when it saves at least a tenth.
   *
   * @throws IllegalArgumentException if a bit beyond the last neuron is set, or a magnitude is negative or not a number
   */
  Encoded encode(int layer, int firstToken, TraceChunk chunk) {
    int firings = chunk.firings();
    int rawBytes = Math.toIntExact(ChunkHead.rawBytes(header, chunk.tokens(), firings));
    raw = atLeast(raw, rawBytes);
    ByteBuffer target = TraceFormat.wrap(raw);
    int words = chunk.words();
    int used = chunk.tokens() * words;
    target.asLongBuffer().put(chunk.masks(), 0, used);
    target.position(used * Long.BYTES);
    for (int t = 0; t < chunk.tokens(); t++) {
      requireNoStrayBits(chunk.masks()[t * words + words - 1]);
      int row = t * chunk.neurons();
      for (int w = 0; w < words; w++) {
        for (long left = chunk.masks()[t * words + w]; left != 0; left &= left - 1) {
          int neuron = (w << 6) + Long.numberOfTrailingZeros(left);
          target.putShort(MagnitudeCode.encode(chunk.magnitudes()[row + neuron]));
        }
      }
    }
    packed = atLeast(packed, compressor.maxCompressedLength(rawBytes));
    int packedBytes = compressor.compress(raw, 0, rawBytes, packed, 0, packed.length);
    boolean worthwhile = packedBytes <= rawBytes * 9L / 10;
    int codec = worthwhile ? ChunkHead.LZ4 : ChunkHead.STORED;
    byte[] payload = worthwhile ? packed : raw;
    int stored = worthwhile ? packedBytes : rawBytes;
    int crc = TraceFormat.crc(payload, 0, stored);
    return new Encoded(
        new ChunkHead(layer, firstToken, chunk.tokens(), firings, codec, rawBytes, stored, crc),
        payload);
  }

  /** A buffer for the stored payload of a chunk, to be filled by the caller before {@link #decode}. */
  byte[] payloadBuffer(ChunkHead head) {
    if (head.codec() == ChunkHead.STORED) {
      raw = atLeast(raw, head.storedBytes());
      return raw;
    }
    packed = atLeast(packed, head.storedBytes());
    return packed;
  }

  /**
   * Unpacks what the caller put into {@link #payloadBuffer}.
   *
   * @param reuse a chunk to fill; replaced by a new one when it is null or does not fit
   * @throws IllegalArgumentException with what is wrong
   */
  TraceChunk decode(ChunkHead head, TraceChunk reuse) {
    byte[] payload = payloadBuffer(head);
    if (TraceFormat.crc(payload, 0, head.storedBytes()) != head.payloadCrc()) {
      throw new IllegalArgumentException("has a wrong checksum in its payload");
    }
    if (head.codec() == ChunkHead.LZ4) {
      unpack(head);
    }
    int words = header.words();
    int used = head.tokens() * words;
    ByteBuffer source = TraceFormat.wrap(raw);
    requireFirings(source, used, head.firings());
    TraceChunk chunk = fit(reuse, head.tokens());
    source.asLongBuffer().get(chunk.masks(), 0, used);
    source.position(used * Long.BYTES);
    float[] magnitudes = chunk.magnitudes();
    for (int t = 0; t < head.tokens(); t++) {
      requireNoStrayBits(chunk.masks()[t * words + words - 1]);
      int row = t * header.neurons();
      for (int w = 0; w < words; w++) {
        for (long left = chunk.masks()[t * words + w]; left != 0; left &= left - 1) {
          int neuron = (w << 6) + Long.numberOfTrailingZeros(left);
          magnitudes[row + neuron] = MagnitudeCode.decode(source.getShort());
        }
      }
    }
    return chunk;
  }

  private void unpack(ChunkHead head) {
    raw = atLeast(raw, head.rawBytes());
    try {
      int unpacked =
          decompressor.decompress(packed, 0, head.storedBytes(), raw, 0, head.rawBytes());
      if (unpacked != head.rawBytes()) {
        throw new IllegalArgumentException("unpacks to " + unpacked + " bytes");
      }
    } catch (LZ4Exception e) {
      throw new IllegalArgumentException("does not unpack", e);
    }
  }

  private static void requireFirings(ByteBuffer source, int words, int firings) {
    long set = 0;
    for (int w = 0; w < words; w++) {
      set += Long.bitCount(source.getLong(w * Long.BYTES));
    }
    if (set != firings) {
      throw new IllegalArgumentException("has " + set + " bits set for " + firings + " firings");
    }
  }

  private void requireNoStrayBits(long lastWord) {
    int usedBits = header.neurons() & 63;
    if (usedBits != 0 && lastWord >>> usedBits != 0) {
      throw new IllegalArgumentException("has a bit set beyond neuron " + (header.neurons() - 1));
    }
  }

  private TraceChunk fit(TraceChunk reuse, int tokens) {
    TraceChunk chunk = reuse;
    if (chunk == null || chunk.neurons() != header.neurons() || chunk.capacityTokens() < tokens) {
      chunk = new TraceChunk(header.tokensOf(0), header.neurons());
    }
    chunk.clear(tokens);
    return chunk;
  }

  private static byte[] atLeast(byte[] buffer, int bytes) {
    return buffer.length >= bytes ? buffer : new byte[bytes];
  }
}
