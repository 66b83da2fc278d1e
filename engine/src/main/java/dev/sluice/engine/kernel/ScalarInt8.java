package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;

/**
 * Products of quantised rows with int8 activations in plain Java; the package description defines the sum. Addresses and
 * types are checked.
 */
final class ScalarInt8 {
  private ScalarInt8() {}

  static float dot(TensorType type, long address, Int8Vector x) {
    float[] partial = new float[16];
    float evenMinimums = 0;
    float oddMinimums = 0;
    for (int block = 0; block < x.blocks(); block++) {
      long at = address + (long) block * type.blockBytes();
      float factor = NativeMemory.float16(at) * x.scale(block);
      for (int k = 0; k < 8; k++) {
        int place =
            type == TensorType.Q8_0 ? k + 8 * (block & 1) : k / 2 + 8 * (k & 1) + 4 * (block & 1);
        partial[place] = Math.fma((float) four(type, at, k, x, block), factor, partial[place]);
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
    return ScalarSums.fold(partial) + (evenMinimums + oddMinimums);
  }

  /** r_k of a block: what four weights add. */
  private static int four(TensorType type, long block, int k, Int8Vector x, int blockOfX) {
    int first = type == TensorType.Q8_0 ? 4 * k : 2 * k;
    int second = type == TensorType.Q8_0 ? first + 2 : first + 16;
    return two(type, block, first, x, blockOfX) + two(type, block, second, x, blockOfX);
  }

  private static int two(TensorType type, long block, int i, Int8Vector x, int blockOfX) {
    int at = Int8Vector.BLOCK * blockOfX + i;
    return weight(type, block, i) * x.quant(at) + weight(type, block, i + 1) * x.quant(at + 1);
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
