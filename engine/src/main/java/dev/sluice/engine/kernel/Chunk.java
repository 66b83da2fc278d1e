package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;

/**
 * A stretch of up to 256 consecutive weights as exact float32 values, arranged, and the 16 partial sums of a canonical
 * sum that is taken stretch by stretch. 256 is a whole number of every type's blocks, so rows of any type pass through
 * constant memory. One per thread.
 */
final class Chunk {
  /** Elements at most. */
  static final int ELEMENTS = 256;

  private static final ThreadLocal<Chunk> OF_THREAD = ThreadLocal.withInitial(Chunk::new);

  final float[] values = new float[ELEMENTS];
  final float[] sums = new float[BlockLayout.BLOCK];
  private final float[] natural = new float[ELEMENTS];

  private Chunk() {}

  static Chunk ofThread() {
    return OF_THREAD.get();
  }

  /** Fills {@link #values} with {@code n} weights at a checked address, in plain Java. */
  void decode(TensorType type, long address, int n) {
    decodeAs(type, type, address, n);
  }

  /** As {@link #decode}, but arranged as weights of another type are. */
  void decodeAs(TensorType layout, TensorType type, long address, int n) {
    if (BlockLayout.parts(layout) > 1) {
      natural(type, address, natural, n);
      BlockLayout.arrange(layout, natural, 0, values, 0, n);
    } else {
      natural(type, address, values, n);
    }
  }

  private static void natural(TensorType type, long address, float[] target, int n) {
    switch (type) {
      case I8 -> {
        for (int i = 0; i < n; i++) {
          target[i] = NativeMemory.bits8(address + i);
        }
      }
      case U4 -> {
        for (int i = 0; i < n; i++) {
          target[i] = NativeMemory.bits8(address + (i >> 1)) >> (4 * (i & 1)) & 15;
        }
      }
      case Q8_0 -> {
        for (int i = 0; i < n; i++) {
          long block = address + 34L * (i >> 5);
          target[i] = NativeMemory.float16(block) * NativeMemory.bits8(block + 2 + (i & 31));
        }
      }
      case Q4_0 -> {
        for (int i = 0; i < n; i++) {
          long block = address + 18L * (i >> 5);
          target[i] = NativeMemory.float16(block) * (nibble(block + 2, i) - 8);
        }
      }
      case Q4_1 -> {
        for (int i = 0; i < n; i++) {
          long block = address + 20L * (i >> 5);
          target[i] =
              NativeMemory.float16(block) * nibble(block + 4, i) + NativeMemory.float16(block + 2);
        }
      }
      default -> TensorDecoder.decode(type, NativeMemory.ALL, address, target, 0, n);
    }
  }

  /** Element i of a block of 32 nibbles, as ggml packs them: the first 16 in the low halves of 16 bytes. */
  static int nibble(long quants, int i) {
    return NativeMemory.bits8(quants + (i & 15)) >> (i >> 2 & 4) & 15;
  }
}
