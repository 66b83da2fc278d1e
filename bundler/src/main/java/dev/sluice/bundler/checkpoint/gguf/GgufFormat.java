package dev.sluice.bundler.checkpoint.gguf;

/**
 * The byte layout of GGUF versions 2 and 3, little-endian, after the specification in ggml's docs/gguf.md.
 *
 * <pre>
 * magic "GGUF", version u32, tensors u64, metadata pairs u64
 * pairs:   key string, kind u32, value
 * tensors: name string, dimensions u32, extents u64 each (innermost first), type u32, offset u64 (from the data on)
 * padding to general.alignment (32 if unsaid), then the data
 *
 * string:  length u64, UTF-8
 * array:   kind u32, count u64, values
 * </pre>
 */
final class GgufFormat {
  static final int MAGIC = 0x46554747; // "GGUF"
  static final int OLDEST_VERSION = 2;
  static final int NEWEST_VERSION = 3;

  static final String ALIGNMENT_KEY = "general.alignment";
  static final int UNSAID_ALIGNMENT_BYTES = 32;
  static final int ALIGNMENT_LIMIT_BYTES = 1 << 20;

  static final int PAIRS_LIMIT = 1 << 16;
  static final int TENSORS_LIMIT = 1 << 17;
  static final int KEY_LIMIT_BYTES = 1 << 16;
  static final int NAME_LIMIT_BYTES = 1 << 8;
  static final int TEXT_LIMIT_BYTES = 1 << 24;
  static final int DIMENSIONS_LIMIT = 4;
  static final int NESTING_LIMIT = 4;

  /** Metadata and tensor list together; vocabularies with their merges take about 1 % of it. */
  static final long HEADER_LIMIT_BYTES = 1L << 29;

  /** Least bytes of a pair (empty key and a byte) and of a tensor (empty name, one extent). */
  static final int LEAST_PAIR_BYTES = 8 + 4 + 1;

  static final int LEAST_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8;

  private GgufFormat() {}
}
