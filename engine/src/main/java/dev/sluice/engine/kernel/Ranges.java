package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.util.Objects;

/** Range checks that the tile methods of all kernels share. */
final class Ranges {
  private Ranges() {}

  static void checkMatrix(float[] values, int offset, int rows, int stride, int columns) {
    if (rows < 0 || stride < 0 || columns < 0) {
      throw new IndexOutOfBoundsException(
          "negative shape: " + rows + " x " + columns + ", stride " + stride);
    }
    long length = rows == 0 ? 0 : (long) (rows - 1) * stride + columns;
    Objects.checkFromIndexSize((long) offset, length, (long) values.length);
  }

  /** Elements {@code from} to {@code to} of a column of this type, in an array that holds it from {@code offset}. */
  static void checkPart(TensorType type, float[] values, int offset, int from, int to) {
    Objects.checkFromToIndex(from, to, Integer.MAX_VALUE);
    Objects.checkFromIndexSize((long) offset + from, to - from, (long) values.length);
    if (from % BlockLayout.BLOCK != 0 || from % type.blockElements() != 0) {
      throw new IndexOutOfBoundsException("element " + from + " lies inside a block of " + type);
    }
  }

  /** Whether a row of this type can be multiplied with quantised activations. */
  static void checkSuits(TensorType type) {
    if (!Int8Vector.suits(type)) {
      throw new IllegalArgumentException("no products of " + type + " with int8 activations");
    }
  }

  static void checkDotTile(
      float[] rows,
      int rowOffset,
      int rowCount,
      float[] xs,
      int xOffset,
      int xCount,
      float[] out,
      int outOffset,
      int outStride,
      int n) {
    checkMatrix(rows, rowOffset, rowCount, n, n);
    checkMatrix(xs, xOffset, xCount, n, n);
    checkMatrix(out, outOffset, rowCount, outStride, xCount);
  }

  static void checkAxpyTile(
      float[] columns,
      int columnOffset,
      int columnCount,
      float[] h,
      int hOffset,
      int hStride,
      float[] ys,
      int yOffset,
      int tokenCount,
      int n) {
    checkMatrix(columns, columnOffset, columnCount, n, n);
    checkMatrix(h, hOffset, columnCount, hStride, tokenCount);
    checkMatrix(ys, yOffset, tokenCount, n, n);
  }
}
