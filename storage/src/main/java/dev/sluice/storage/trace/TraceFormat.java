package dev.sluice.storage.trace;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * The bytes of a trace file, version 1. Little-endian; every byte of a finished file is under a CRC32C.
 *
 * <pre>
 * file    := header record* index footer
 *
 * header  := magic u64 "SLUICETR" | version u32 | bodyBytes u32 | body | crc u32 (of all before it)
 * body    := layers u32 | neurons u32 | tokens u32 | windowTokens u32
 *            | storeDigest | textDigest | rule | activity      (each: bytes u16, UTF-8)
 *
 * record  := chunk | blob
 * chunk   := "CHNK" u32 | layer u32 | firstToken u32 | tokens u32 | firings u32 | codec u32 (0 stored, 1 LZ4)
 *            | rawBytes u32 | storedBytes u32 | payloadCrc u32 (of the stored bytes) | crc u32 (of the 36 before)
 *            | storedBytes of payload
 * payload := tokens × ceil(neurons / 64) u64 of bitmap, token by token, bit b of word w = neuron 64 w + b;
 *            then firings u16 magnitude codes ({@link MagnitudeCode}), in the order of the set bits
 * blob    := "BLOB" u32 | keyBytes u32 | valueBytes u32 | payloadCrc u32 (of key and value) | crc u32 (of the 16 before)
 *            | key, printable ASCII | value
 *
 * index   := "INDX" u32 | chunks u32 | blobs u32
 *            | chunks × (layer u32 | firstToken u32 | offset u64 | firings u32 | payloadCrc u32), ascending
 *            | blobs × (keyBytes u16 | key | offset u64 | valueBytes u32 | payloadCrc u32), keys ascending
 * footer  := "FOOT" u32 | indexCrc u32 | indexOffset u64 | indexBytes u64 | fileBytes u64 | crc u32 (of the 32 before)
 *            | magic u64 "SLUICEND"
 * </pre>
 *
 * Chunks come layer by layer, and in a layer by token; chunk c covers the tokens from c × min(windowTokens, 256).
 * Offsets are those of the record, from the start of the file. Blobs stand where they were written, so that an
 * unfinished file keeps them; of two with one key the later counts and only it is indexed.
 *
 * <p>While it is written the file is named {@code TARGET.partial} and has neither index nor footer; {@code TARGET.state}
 * ({@link ResumeState}) says how far it is good.
 */
public final class TraceFormat {
  /** Oldest version that this code reads. */
  public static final int OLDEST_VERSION = 1;

  /** Version that this code writes, and the newest that it reads. */
  public static final int VERSION = 1;

  /** Tokens in one chunk at most: one evaluation window. */
  public static final int MAX_CHUNK_TOKENS = 256;

  /** Layers at most. */
  public static final int MAX_LAYERS = 4096;

  /** Neurons per layer at most; bounds a decoded chunk to 256 MiB of magnitudes. */
  public static final int MAX_NEURONS = 1 << 18;

  /** Tokens per layer at most. */
  public static final int MAX_TOKENS = 1 << 26;

  /** Chunks in a file at most; bounds the index to 96 MiB. */
  public static final int MAX_CHUNKS = 1 << 22;

  /** Bytes of each text in the header at most. */
  public static final int MAX_TEXT_BYTES = 1024;

  /** Bytes of a blob's key at most. */
  public static final int MAX_KEY_BYTES = 256;

  /** Blobs in a file at most. */
  public static final int MAX_BLOBS = 4096;

  static final long MAGIC = magic("SLUICETR");
  static final long END_MAGIC = magic("SLUICEND");
  static final int CHUNK_TAG = tag("CHNK");
  static final int BLOB_TAG = tag("BLOB");
  static final int INDEX_TAG = tag("INDX");
  static final int FOOTER_TAG = tag("FOOT");

  static final int HEADER_PREFIX_BYTES = 16;
  static final int MAX_HEADER_BODY_BYTES = 16 + 4 * (2 + MAX_TEXT_BYTES);
  static final int CHUNK_HEAD_BYTES = 40;
  static final int BLOB_HEAD_BYTES = 20;
  static final int INDEX_HEAD_BYTES = 12;
  static final int INDEX_ENTRY_BYTES = 24;
  static final int FOOTER_BYTES = 44;

  private TraceFormat() {}

  static ByteBuffer wrap(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static int crc(byte[] bytes, int offset, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, offset, length);
    return (int) crc.getValue();
  }

  /** All bytes of the header, checksum included. */
  static byte[] encode(TraceHeader header) {
    ByteBuffer body = wrap(new byte[MAX_HEADER_BODY_BYTES]);
    body.putInt(header.layers());
    body.putInt(header.neurons());
    body.putInt(header.tokens());
    body.putInt(header.windowTokens());
    putText(body, header.storeDigest());
    putText(body, header.textDigest());
    putText(body, header.rule());
    putText(body, header.activity());
    body.flip();
    byte[] bytes = new byte[HEADER_PREFIX_BYTES + body.remaining() + 4];
    ByteBuffer all = wrap(bytes);
    all.putLong(MAGIC).putInt(VERSION).putInt(body.remaining()).put(body);
    all.putInt(crc(bytes, 0, bytes.length - 4));
    return bytes;
  }

  /**
   * The header from its body, the checksum having been verified.
   *
   * @throws IllegalArgumentException if it makes no sense all the same
   */
  static TraceHeader decodeBody(ByteBuffer body) {
    try {
      int layers = body.getInt();
      int neurons = body.getInt();
      int tokens = body.getInt();
      int windowTokens = body.getInt();
      String storeDigest = text(body);
      String textDigest = text(body);
      String rule = text(body);
      String activity = text(body);
      if (body.hasRemaining()) {
        throw new IllegalArgumentException(body.remaining() + " bytes too many");
      }
      return new TraceHeader(
          storeDigest, textDigest, layers, neurons, tokens, windowTokens, rule, activity);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("its texts are cut short", e);
    }
  }

  /** Keys are printable ASCII without blanks, so that messages can name them. */
  static boolean validKey(String key) {
    return !key.isEmpty()
        && key.length() <= MAX_KEY_BYTES
        && key.chars().allMatch(c -> c > ' ' && c < 0x7f);
  }

  static void putText(ByteBuffer target, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    target.putShort((short) bytes.length).put(bytes);
  }

  /** A text with its length before it; the length is checked against what the buffer holds before allocating. */
  static String text(ByteBuffer source) {
    int bytes = Short.toUnsignedInt(source.getShort());
    if (bytes > source.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] text = new byte[bytes];
    source.get(text);
    return new String(text, StandardCharsets.UTF_8);
  }

  private static int tag(String text) {
    return wrap(text.getBytes(StandardCharsets.US_ASCII)).getInt();
  }

  static long magic(String text) {
    return wrap(text.getBytes(StandardCharsets.US_ASCII)).getLong();
  }
}
