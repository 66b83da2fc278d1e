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
      case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4 ->
          decodeBlocks(type, memory, offsetBytes, target, targetOffset, n);
      case I8, U4, I4 -> throw new IllegalArgumentException("no decoder for " + type);
    }
  }

  private static void decodeBlocks(TensorType type, MemorySegment memory, long offsetBytes,
      float[] target, int targetOffset, int n) {
    long bytes = type.bytes(n); // refuses parts of blocks
    int groupElements = ScaledBlocks.groupElements(type);
    int groups = type.blockElements() / groupElements;
    byte[] quants = new byte[type.blockElements()];
    float[] scales = new float[groups];
    float[] mins = new float[groups];
    boolean minimums = ScaledBlocks.hasMinimums(type);
    int to = targetOffset;
    for (long at = 0; at < bytes; at += type.blockBytes()) {
      ScaledBlocks.unpack(type, memory, offsetBytes + at, quants, 0, scales, mins, 0);
      for (int i = 0; i < quants.length; i++) {
        float value = scales[i / groupElements] * quants[i];
        target[to++] = minimums ? value + mins[i / groupElements] : value;
      }
    }
  }
}
