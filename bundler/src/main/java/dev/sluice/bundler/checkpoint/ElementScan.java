package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Finds weights that are infinite or not a number, eight bytes at a time. */
final class ElementScan {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private ElementScan() {}

  /** Above this, the scale of an MXFP4 block (2^(e − 128)) times its largest level is beyond float32. */
  private static final int LAST_FINITE_EXPONENT = 252;

  /**
   * The first element that is Inf or NaN, or -1 if all are finite. Of quantised types the first element of the first
   * block with a scale or minimum that is, for nothing else in a block can make an element so.
   *
   * @param data whole elements or blocks of {@code type}, little-endian
   */
  static long firstNonFinite(MemorySegment data, TensorType type) {
    return switch (type) {
      case F32, F16, BF16 -> firstNonFiniteElement(data, type);
      case Q8_0, Q4_0, Q5_0, IQ4_NL, IQ4_XS -> firstBlock(data, type, 0, 0);
      case Q4_1, Q5_1, Q4_K, Q5_K -> firstBlock(data, type, 0, 2);
      case Q2_K -> firstBlock(data, type, 80, 82);
      case Q3_K -> firstBlock(data, type, 108, 108);
      case Q6_K -> firstBlock(data, type, 208, 208);
      case MXFP4 -> firstExponent(data, type);
      case I8, U4, I4 -> throw new IllegalArgumentException("no scan for " + type);
    };
  }

  /** The first block with a half that is Inf or NaN in one of two places. */
  private static long firstBlock(MemorySegment data, TensorType type, int one, int other) {
    long bytes = data.byteSize();
    for (long at = 0; at < bytes; at += type.blockBytes()) {
      boolean bad =
          (data.get(SHORT, at + one) & 0x7c00) == 0x7c00
              || (data.get(SHORT, at + other) & 0x7c00) == 0x7c00;
      if (bad) {
        return at / type.blockBytes() * type.blockElements();
      }
    }
    return -1;
  }

  private static long firstExponent(MemorySegment data, TensorType type) {
    for (long at = 0; at < data.byteSize(); at += type.blockBytes()) {
      if ((data.get(ValueLayout.JAVA_BYTE, at) & 0xff) > LAST_FINITE_EXPONENT) {
        return at / type.blockBytes() * type.blockElements();
      }
    }
    return -1;
  }

  private static long firstNonFiniteElement(MemorySegment data, TensorType type) {
    // An exponent of all ones plus one in its lowest bit carries into the sign's place, which the
    // mask cleared, and
    // never further: so every lane of a long is tested by one addition.
    long exponent;
    long one;
    switch (type) {
      case F32 -> {
        exponent = 0x7f80_0000_7f80_0000L;
        one = 0x0080_0000_0080_0000L;
      }
      case F16 -> {
        exponent = 0x7c00_7c00_7c00_7c00L;
        one = 0x0400_0400_0400_0400L;
      }
      case BF16 -> {
        exponent = 0x7f80_7f80_7f80_7f80L;
        one = 0x0080_0080_0080_0080L;
      }
      default -> throw new IllegalArgumentException("no scan for " + type);
    }
    long sign = exponent + one;
    int elementBytes = (int) type.bytes(1);
    long bytes = data.byteSize();
    long at = 0;
    for (; at + Long.BYTES <= bytes; at += Long.BYTES) {
      if ((((data.get(LONG, at) & exponent) + one) & sign) != 0) {
        break;
      }
    }
    for (; at < bytes; at += elementBytes) {
      // Widened without a sign, one element meets only the lowest lane of the masks.
      long bits =
          elementBytes == 2 ? data.get(SHORT, at) & 0xffffL : data.get(INT, at) & 0xffff_ffffL;
      if ((((bits & exponent) + one) & sign & laneMask(elementBytes)) != 0) {
        return at / elementBytes;
      }
    }
    return -1;
  }

  private static long laneMask(int elementBytes) {
    return (1L << (8 * elementBytes)) - 1;
  }
}
