package dev.sluice.storage.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What stored elements are as float32, exactly: the plain reading of each type that importers, tools and tests share.
 * Kernels have their own, faster ones, which must agree to the bit. Stateless; thread-safe.
 */
public final class TensorDecoder {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private TensorDecoder() {}

  /**
   * Decodes {@code n} elements that begin at a block boundary.
   *
   * @param memory holds the elements at {@code offsetBytes}, at any alignment
   * @throws IllegalArgumentException for types whose scales lie elsewhere, or if n is no whole number of blocks
   */
  public static void decode(TensorType type, MemorySegment memory, long offsetBytes, float[] target,
      int targetOffset, int n) {
    switch (type) {
      case F32 -> MemorySegment.copy(memory, FLOAT, offsetBytes, target, targetOffset, n);
      case F16 -> {
        for (int i = 0; i < n; i++) {
          target[targetOffset + i] = Float.float16ToFloat(memory.get(SHORT, offsetBytes + 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < n; i++) {
          target[targetOffset + i] =
              Float.intBitsToFloat(memory.get(SHORT, offsetBytes + 2L * i) << 16);
        }
      }
      default -> throw new IllegalArgumentException("no decoder for " + type);
    }
  }
}
