package dev.sluice.bundler.checkpoint.gguf;

/** What a metadata value or the elements of an array are, with their codes in the file. */
public enum GgufKind {
  UINT8(0, 1),
  INT8(1, 1),
  UINT16(2, 2),
  INT16(3, 2),
  UINT32(4, 4),
  INT32(5, 4),
  FLOAT32(6, 4),
  BOOL(7, 1),
  STRING(8, 0),
  ARRAY(9, 0),
  UINT64(10, 8),
  INT64(11, 8),
  FLOAT64(12, 8);

  private final int code;
  private final int bytes;

  GgufKind(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /** Bytes of one value; 0 where they vary. */
  int bytes() {
    return bytes;
  }

  /** Least bytes that one value takes. */
  int leastBytes() {
    return switch (this) {
      case STRING -> 8;
      case ARRAY -> 12;
      default -> bytes;
    };
  }

  boolean isWhole() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> false;
    };
  }

  /**
   * The kind with this code.
   *
   * @throws IllegalArgumentException if there is none
   */
  static GgufKind ofCode(int code) {
    for (GgufKind kind : values()) {
      if (kind.code == code) {
        return kind;
      }
    }
    throw new IllegalArgumentException("unknown kind " + Integer.toUnsignedString(code));
  }
}
