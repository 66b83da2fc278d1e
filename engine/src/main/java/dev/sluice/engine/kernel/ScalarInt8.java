package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;

/**
 * Products of quantised rows with int8 activations in plain Java; the package description defines the sum. Addresses and
 * types are checked.
 */
final class ScalarInt8 {
  private ScalarInt8() {}

  static float dot(TensorType type, long address, Int8Vector x) {
    float[] even = new float[8];
    float[] odd = new float[8];
    float evenMinimums = 0;
    float oddMinimums = 0;
    for (int block = 0; block < x.blocks(); block++) {
      long at = address + (long) block * type.blockBytes();
      float factor = NativeMemory.float16(at) * x.scale(block);
      float[] sums = (block & 1) == 0 ? even : odd;
      for (int k = 0; k < 8; k++) {
        int sum = 0;
        for (int i = 2 * k; i < 2 * k + 2; i++) {
          sum += weight(type, at, i) * x.quant(32 * block + i);
          sum += weight(type, at, i + 16) * x.quant(32 * block + i + 16);
        }
        sums[k] = Math.fma((float) sum, factor, sums[k]);
      }
      if (type == TensorType.Q4_1) {
        float minimum = NativeMemory.float16(at + 2);
        if ((block & 1) == 0) {
          evenMinimums = Math.fma(minimum, x.sum(block), evenMinimums);
        } else {
          oddMinimums = Math.fma(minimum, x.sum(block), oddMinimums);
        }
      }
    }
    float[] partial = new float[16];
    System.arraycopy(even, 0, partial, 0, 8);
    System.arraycopy(odd, 0, partial, 8, 8);
    return ScalarSums.fold(partial) + (evenMinimums + oddMinimums);
  }

  /** The integer that element i of a block stands for. */
  private static int weight(TensorType type, long block, int i) {
    return switch (type) {
      case Q8_0 -> NativeMemory.bits8(block + 2 + i);
      case Q4_0 -> Chunk.nibble(block + 2, i) - 8;
      case Q4_1 -> Chunk.nibble(block + 4, i);
      default -> throw new IllegalArgumentException(type + " has no int8 products");
    };
  }
}
