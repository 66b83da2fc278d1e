package dev.sluice.storage.tensor;

/**
 * Element types of stored tensors. Quantised types keep the byte layout that ggml gives them: blocks of {@link
 * #blockElements} consecutive elements of a row, {@link #blockBytes} each. Codes are part of the store format: never
 * renumber them.
 */
public enum TensorType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  BF16(2, 1, 2),
  Q8_0(3, 32, 34),
  Q4_0(4, 32, 18),
  Q4_1(5, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q2_K(8, 256, 84),
  Q3_K(9, 256, 110),
  Q4_K(10, 256, 144),
  Q5_K(11, 256, 176),
  Q6_K(12, 256, 210),
  IQ4_NL(13, 32, 18),
  IQ4_XS(14, 256, 136),
  MXFP4(15, 32, 17),
  /** Signed bytes whose scales lie elsewhere: a column of down, see {@link dev.sluice.storage.store.BundleFormat}. */
  I8(32, 1, 1),
  /** Unsigned nibbles, the even element in the low half; scales and minimums lie elsewhere. */
  U4(33, 2, 1),
  /** The same nibbles, each standing for 8 less: with scales alone they reach from −8 to 7. */
  I4(34, 2, 1);

  private final int code;
  private final int blockElements;
  private final int blockBytes;

  TensorType(int code, int blockElements, int blockBytes) {
    this.code = code;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** The number that stands for this type on disk. */
  public int code() {
    return code;
  }

  /** Elements that are encoded together; 1 where each stands alone. */
  public int blockElements() {
    return blockElements;
  }

  /** Bytes of {@link #blockElements} elements. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Whether each element is a floating-point number of its own. */
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }

  /**
   * Bytes that {@code elements} consecutive elements take.
   *
   * @throws IllegalArgumentException if they are no whole number of blocks
   */
  public long bytes(long elements) {
    if (elements % blockElements != 0) {
      throw new IllegalArgumentException(
          elements + " elements are no whole number of " + this + " blocks of " + blockElements);
    }
    return Math.multiplyExact(elements / blockElements, blockBytes);
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
