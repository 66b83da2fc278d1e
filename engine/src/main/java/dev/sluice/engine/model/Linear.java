package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;

/**
 * A resident matrix, row-major, with an optional bias: y = W x + b. Immutable; thread-safe.
 *
 * @param memory native memory that holds the matrix at {@code offsetBytes}
 * @param bias one value per row, or empty
 * @param precision of a single vector that the matrix is applied to
 */
record Linear(TensorType type, MemorySegment memory, long offsetBytes, int rows, int cols,
    float[] bias, ActivationPrecision precision) {
  // Rows widened at a time for a block of positions: few enough to stay in L1 beside the activations.
  private static final int TILE_ROWS = 32;
  // Below this many multiplications a second thread costs more than it brings.
  static final long PARALLEL_PRODUCTS = 1 << 19;

  /** Applies the matrix to one vector; splits rows over the workers when the matrix is large. */
  void applyOne(Kernels kernels, Workers workers, float[] x, int xOffset, float[] y, int yOffset,
      Scratch scratch) {
    RowRange rowRange = multiplier(kernels, x, xOffset, y, yOffset, scratch);
    if ((long) rows * cols < PARALLEL_PRODUCTS || workers.threads() == 1) {
      rowRange.multiply(0, rows);
    } else {
      int parts = workers.threads();
      workers.parallelFor(
          parts,
          part -> rowRange.multiply((int) ((long) rows * part / parts),
              (int) ((long) rows * (part + 1) / parts)));
    }
    addBias(y, yOffset);
  }

  /** Multiplies rows {@code from} to {@code to} with a vector that is ready for them. */
  private interface RowRange {
    void multiply(int from, int to);
  }

  private RowRange multiplier(Kernels kernels, float[] x, int xOffset, float[] y, int yOffset,
      Scratch scratch) {
    if (precision.isInt8For(type, cols)) {
      Int8Vector bytes = scratch.bytes(cols);
      kernels.quantise(x, xOffset, cols, bytes);
      return (from, to) -> kernels.dots(type, memory, offsetBytes + from * rowBytes(), rowBytes(),
          to - from, bytes, y, yOffset + from);
    }
    float[] arranged = scratch.arranged(cols);
    kernels.arrange(type, x, xOffset, arranged, 0, cols);
    return (from, to) -> kernels.dots(type, memory, offsetBytes + from * rowBytes(), rowBytes(),
        to - from, arranged, 0, y, yOffset + from, cols);
  }

  /** Applies the matrix to {@code count} consecutive vectors; {@code ys} gets count × rows. Single-threaded. */
  void applyBlock(Kernels kernels, float[] xs, int xOffset, int count, float[] ys, int yOffset,
      Scratch scratch) {
    float[] arranged = scratch.arranged(count * cols);
    for (int t = 0; t < count; t++) {
      kernels.arrange(type, xs, xOffset + t * cols, arranged, t * cols, cols);
    }
    float[] wide = scratch.rows(TILE_ROWS * cols);
    float[] tile = scratch.tile(TILE_ROWS * count);
    for (int from = 0; from < rows; from += TILE_ROWS) {
      int some = Math.min(TILE_ROWS, rows - from);
      for (int r = 0; r < some; r++) {
        kernels.widen(type, memory, offsetBytes + (from + r) * rowBytes(), wide, r * cols, cols);
      }
      kernels.dotTile(wide, 0, some, arranged, 0, count, tile, 0, count, cols);
      for (int t = 0; t < count; t++) {
        int at = yOffset + t * rows + from;
        for (int r = 0; r < some; r++) {
          ys[at + r] = tile[r * count + t];
        }
      }
    }
    for (int t = 0; t < count; t++) {
      addBias(ys, yOffset + t * rows);
    }
  }

  /** Reads row {@code row} as float32 in natural order, as an embedding lookup does. */
  void copyRow(Kernels kernels, int row, float[] target, int offset, Scratch scratch) {
    float[] arranged = scratch.arranged(cols);
    kernels.widen(type, memory, offsetBytes + row * rowBytes(), arranged, 0, cols);
    kernels.restore(type, arranged, 0, target, offset, cols);
  }

  private long rowBytes() {
    return type.bytes(cols);
  }

  private void addBias(float[] y, int yOffset) {
    for (int r = 0; r < bias.length; r++) {
      y[yOffset + r] += bias[r];
    }
  }
}
