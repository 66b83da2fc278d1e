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

  /**
   * The first element that is Inf or NaN, or -1 if all are finite.
   *
   * @param data whole elements of {@code type}, little-endian
   */
  static long firstNonFinite(MemorySegment data, TensorType type) {
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
