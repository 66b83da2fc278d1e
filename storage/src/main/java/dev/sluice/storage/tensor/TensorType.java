package dev.sluice.storage.tensor;

/** Element types of stored tensors. Codes are part of the store format: never renumber them. */
public enum TensorType {
  F32(0, 4),
  F16(1, 2),
  BF16(2, 2);

  private final int code;
  private final int elementBytes;

  TensorType(int code, int elementBytes) {
    this.code = code;
    this.elementBytes = elementBytes;
  }

  /** The number that stands for this type on disk. */
  public int code() {
    return code;
  }

  /** Bytes that {@code elements} consecutive elements take. */
  public long bytes(long elements) {
    return Math.multiplyExact(elements, elementBytes);
  }

  /**
   * The type with this on-disk code.
   *
   * @throws IllegalArgumentException if no type has it
   */
  public static TensorType ofCode(int code) {
    for (TensorType type : values()) {
      if (type.code == code) {
        return type;
      }
    }
    throw new IllegalArgumentException("unknown tensor type code " + code);
  }
}
