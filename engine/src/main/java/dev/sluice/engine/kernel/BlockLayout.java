package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.util.Objects;

/**
 * The arranged layout of the package description: a pure permutation, the same code for all
 * kernels.
 */
final class BlockLayout {
  /** Elements in a block, and partial sums in a canonical sum. */
  static final int BLOCK = 16;

  private BlockLayout() {}

  /** Whether blocks hold their even elements before their odd ones. */
  static boolean splits(TensorType type) {
    return type == TensorType.F16 || type == TensorType.BF16 || type == TensorType.U4;
  }

  static void arrange(
      TensorType type, float[] x, int xOffset, float[] arranged, int arrangedOffset, int n) {
    Objects.checkFromIndexSize(xOffset, n, x.length);
    Objects.checkFromIndexSize(arrangedOffset, n, arranged.length);
    int full = splits(type) ? n & -BLOCK : 0;
    for (int i = 0; i < full; i += BLOCK) {
      int from = xOffset + i;
      int to = arrangedOffset + i;
      for (int j = 0; j < 8; j++) {
        arranged[to + j] = x[from + 2 * j];
        arranged[to + 8 + j] = x[from + 2 * j + 1];
      }
    }
    System.arraycopy(x, xOffset + full, arranged, arrangedOffset + full, n - full);
  }

  static void restore(
      TensorType type, float[] arranged, int arrangedOffset, float[] x, int xOffset, int n) {
    Objects.checkFromIndexSize(arrangedOffset, n, arranged.length);
    Objects.checkFromIndexSize(xOffset, n, x.length);
    int full = splits(type) ? n & -BLOCK : 0;
    for (int i = 0; i < full; i += BLOCK) {
      int from = arrangedOffset + i;
      int to = xOffset + i;
      for (int j = 0; j < 8; j++) {
        x[to + 2 * j] = arranged[from + j];
        x[to + 2 * j + 1] = arranged[from + 8 + j];
      }
    }
    System.arraycopy(arranged, arrangedOffset + full, x, xOffset + full, n - full);
  }
}
