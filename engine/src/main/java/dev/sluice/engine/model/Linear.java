package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.util.List;

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
    share(List.of(new Product(this, y, yOffset)), kernels, workers,
        input(kernels, x, xOffset, scratch));
  }

  /**
   * Applies several matrices to one vector, which is made ready once and shared out in one round of the workers if all take it
   * alike.
   *
   * @param products at least one
   */
  static void applyEach(List<Product> products, Kernels kernels, Workers workers, float[] x,
      int xOffset, Scratch scratch) {
    Linear first = products.getFirst().matrix;
    boolean alike = true;
    for (Product product : products) {
      Linear matrix = product.matrix;
      alike &= matrix.type == first.type && matrix.precision == first.precision
          && matrix.cols == first.cols;
    }
    if (alike) {
      share(products, kernels, workers, first.input(kernels, x, xOffset, scratch));
      return;
    }
    for (Product product : products) {
      product.matrix.applyOne(kernels, workers, x, xOffset, product.y, product.yOffset, scratch);
    }
  }

  /** Where a matrix puts its product with a vector. */
  record Product(Linear matrix, float[] y, int yOffset) {}

  /** One vector as matrices of a type want it. */
  private sealed interface Input {
    record Bytes(Int8Vector bytes) implements Input {}

    record Floats(float[] arranged) implements Input {}
  }

  private Input input(Kernels kernels, float[] x, int xOffset, Scratch scratch) {
    if (precision.isInt8For(type, cols)) {
      Int8Vector bytes = scratch.bytes(cols);
      kernels.quantise(x, xOffset, cols, bytes);
      return new Input.Bytes(bytes);
    }
    float[] arranged = scratch.arranged(cols);
    kernels.arrange(type, x, xOffset, arranged, 0, cols);
    return new Input.Floats(arranged);
  }

  /** Each worker takes its share of every matrix's rows, unless together they are too small for that. */
  private static void share(List<Product> products, Kernels kernels, Workers workers, Input input) {
    long weights = 0;
    for (Product product : products) {
      weights += (long) product.matrix.rows * product.matrix.cols;
    }
    int parts = weights < PARALLEL_PRODUCTS ? 1 : workers.threads();
    workers.parallelFor(
        parts,
        part -> {
          for (Product product : products) {
            long rows = product.matrix.rows;
            product.matrix.multiply(kernels, input, (int) (rows * part / parts),
                (int) (rows * (part + 1) / parts), product.y, product.yOffset);
          }
        });
    for (Product product : products) {
      product.matrix.addBias(product.y, product.yOffset);
    }
  }

  private void multiply(Kernels kernels, Input input, int from, int to, float[] y, int yOffset) {
    long first = offsetBytes + from * rowBytes();
    switch (input) {
      case Input.Bytes(Int8Vector bytes) -> kernels.dots(type, memory, first, rowBytes(), to - from,
          bytes, y, yOffset + from);
      case Input.Floats(float[] arranged) -> kernels.dots(type, memory, first, rowBytes(),
          to - from, arranged, 0, y, yOffset + from, cols);
    }
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
