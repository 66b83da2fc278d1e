package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.util.Objects;

/**
 * The arranged layout of the package description: a pure permutation, the same code for all
 * kernels.
 */
final class BlockLayout {
  /** Partial sums in a canonical sum, and what vectors take rows in multiples of. */
  static final int BLOCK = 16;

  private BlockLayout() {}

  /**
   * Into how many vectors of 8 elements a load of weights is split: element {@code parts · j + k} of a block of {@code 8 · parts} is
   * the j-th of the k-th vector. 1 is natural order.
   */
  static int parts(TensorType type) {
    return switch (type) {
      case F16, BF16, U4 -> 2;
      case Q8_0 -> 4;
      default -> 1;
    };
  }

  static void arrange(
      TensorType type, float[] x, int xOffset, float[] arranged, int arrangedOffset, int n) {
    Objects.checkFromIndexSize(xOffset, n, x.length);
    Objects.checkFromIndexSize(arrangedOffset, n, arranged.length);
    int parts = parts(type);
    int full = parts == 1 ? 0 : n & -8 * parts;
    for (int i = 0; i < full; i += 8 * parts) {
      for (int k = 0; k < parts; k++) {
        for (int j = 0; j < 8; j++) {
          arranged[arrangedOffset + i + 8 * k + j] = x[xOffset + i + parts * j + k];
        }
      }
    }
    System.arraycopy(x, xOffset + full, arranged, arrangedOffset + full, n - full);
  }

  static void restore(
      TensorType type, float[] arranged, int arrangedOffset, float[] x, int xOffset, int n) {
    Objects.checkFromIndexSize(arrangedOffset, n, arranged.length);
    Objects.checkFromIndexSize(xOffset, n, x.length);
    int parts = parts(type);
    int full = parts == 1 ? 0 : n & -8 * parts;
    for (int i = 0; i < full; i += 8 * parts) {
      for (int k = 0; k < parts; k++) {
        for (int j = 0; j < 8; j++) {
          x[xOffset + i + parts * j + k] = arranged[arrangedOffset + i + 8 * k + j];
        }
      }
    }
    System.arraycopy(arranged, arrangedOffset + full, x, xOffset + full, n - full);
  }
}
