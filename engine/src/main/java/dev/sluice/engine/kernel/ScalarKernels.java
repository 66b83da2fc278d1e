package dev.sluice.engine.kernel;

import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;

/**
 * Kernels in plain Java with {@link Math#fma}: the reference for the vector ones, and the way out
 * where those do not link.
 */
final class ScalarKernels implements Kernels {
  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public void arrange(
      TensorType type, float[] x, int xOffset, float[] arranged, int arrangedOffset, int n) {
    BlockLayout.arrange(type, x, xOffset, arranged, arrangedOffset, n);
  }

  @Override
  public void restore(
      TensorType type, float[] arranged, int arrangedOffset, float[] x, int xOffset, int n) {
    BlockLayout.restore(type, arranged, arrangedOffset, x, xOffset, n);
  }

  @Override
  public float dot(
      TensorType type, MemorySegment weights, long offsetBytes, float[] arranged,
      int arrangedOffset, int n) {
    Objects.checkFromIndexSize(arrangedOffset, n, arranged.length);
    long address = NativeMemory.address(type, weights, offsetBytes, n);
    try {
      return dotAt(type, address, arranged, arrangedOffset, n);
    } finally {
      Reference.reachabilityFence(weights);
    }
  }

  /** The dot product at a checked address. */
  static float dotAt(TensorType type, long address, float[] x, int xOffset, int n) {
    return type == TensorType.F32
        ? ScalarSums.dot32(address, x, xOffset, n)
        : ScalarSums.dot16(
            address, x, xOffset, n, HalfFormat.shift(type), HalfFormat.mask(type),
            HalfFormat.scale(type));
  }

  @Override
  public void dots(
      TensorType type,
      MemorySegment weights,
      long offsetBytes,
      long strideBytes,
      int rows,
      float[] arranged,
      int arrangedOffset,
      float[] out,
      int outOffset,
      int n) {
    Objects.checkFromIndexSize(arrangedOffset, n, arranged.length);
    Objects.checkFromIndexSize(outOffset, rows, out.length);
    long address = NativeMemory.address(type, weights, offsetBytes, strideBytes, rows, n);
    try {
      for (int r = 0; r < rows; r++) {
        out[outOffset + r] = dotAt(type, address + r * strideBytes, arranged, arrangedOffset, n);
      }
    } finally {
      Reference.reachabilityFence(weights);
    }
  }

  @Override
  public void unpack(PackedRows rows, int row, float[] arranged, int offset) {
    rows.unpack(row, arranged, offset);
    float[] block = new float[16];
    for (int from = offset; from + 16 <= offset + rows.cols(); from += 16) {
      System.arraycopy(arranged, from, block, 0, 16);
      BlockLayout.arrange(TensorType.F16, block, 0, arranged, from, 16);
    }
  }

  @Override
  public void widen(
      TensorType type, MemorySegment weights, long offsetBytes, float[] row, int rowOffset, int n) {
    Objects.checkFromIndexSize(rowOffset, n, row.length);
    long address = NativeMemory.address(type, weights, offsetBytes, n);
    try {
      widenFrom(0, type, address, row, rowOffset, n);
    } finally {
      Reference.reachabilityFence(weights);
    }
  }

  /**
   * Widens arranged elements {@code from} to n of the row at a checked address; {@code from} is a
   * multiple of 16.
   */
  static void widenFrom(int from, TensorType type, long address, float[] row, int rowOffset,
      int n) {
    for (int i = from; i < n; i++) {
      row[rowOffset + i] = weight(type, address, i, n);
    }
  }

  @Override
  public void axpy(
      TensorType type, float a, MemorySegment weights, long offsetBytes, float[] y, int yOffset,
      int n) {
    Objects.checkFromIndexSize(yOffset, n, y.length);
    long address = NativeMemory.address(type, weights, offsetBytes, n);
    try {
      axpyFrom(0, type, a, address, y, yOffset, n);
    } finally {
      Reference.reachabilityFence(weights);
    }
  }

  /**
   * As {@link #axpy}, for arranged elements {@code from} to n; {@code from} is a multiple of 16.
   */
  static void axpyFrom(
      int from, TensorType type, float a, long address, float[] y, int yOffset, int n) {
    for (int i = from; i < n; i++) {
      y[yOffset + i] = Math.fma(a, weight(type, address, i, n), y[yOffset + i]) + 0f;
    }
  }

  /** Arranged element i of n weights at an address. */
  private static float weight(TensorType type, long address, int i, int n) {
    if (type == TensorType.F32) {
      return NativeMemory.float32(address + 4L * i);
    }
    int natural = i;
    if (i < (n & -BlockLayout.BLOCK)) {
      int lane = i & 15;
      natural = (i & -BlockLayout.BLOCK) + 2 * (lane & 7) + (lane >> 3);
    }
    return HalfFormat.decode(
        NativeMemory.bits16(address + 2L * natural),
        HalfFormat.shift(type),
        HalfFormat.mask(type),
        HalfFormat.scale(type));
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    Objects.checkFromIndexSize(aOffset, n, a.length);
    Objects.checkFromIndexSize(bOffset, n, b.length);
    return ScalarSums.dot(a, aOffset, b, bOffset, n);
  }

  @Override
  public void axpy(float a, float[] x, int xOffset, float[] y, int yOffset, int n) {
    Objects.checkFromIndexSize(xOffset, n, x.length);
    Objects.checkFromIndexSize(yOffset, n, y.length);
    axpyFrom(0, a, x, xOffset, y, yOffset, n);
  }

  /** As {@link #axpy(float, float[], int, float[], int, int)}, for elements {@code from} to n. */
  static void axpyFrom(int from, float a, float[] x, int xOffset, float[] y, int yOffset, int n) {
    for (int i = from; i < n; i++) {
      y[yOffset + i] = Math.fma(a, x[xOffset + i], y[yOffset + i]) + 0f;
    }
  }

  @Override
  public void dotTile(
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
    Ranges.checkDotTile(rows, rowOffset, rowCount, xs, xOffset, xCount, out, outOffset, outStride,
        n);
    dotEach(rows, rowOffset, rowCount, xs, xOffset, xCount, out, outOffset, outStride, n);
  }

  /** {@link #dotTile} without checks. */
  static void dotEach(
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
    for (int r = 0; r < rowCount; r++) {
      for (int t = 0; t < xCount; t++) {
        out[outOffset + r * outStride + t] =
            ScalarSums.dot(rows, rowOffset + r * n, xs, xOffset + t * n, n);
      }
    }
  }

  @Override
  public void axpyTile(
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
    Ranges.checkAxpyTile(columns, columnOffset, columnCount, h, hOffset, hStride, ys, yOffset,
        tokenCount, n);
    axpyEachFrom(0, columns, columnOffset, columnCount, h, hOffset, hStride, ys, yOffset,
        tokenCount, n);
  }

  /** {@link #axpyTile} without checks, for elements {@code from} to n of each column. */
  static void axpyEachFrom(
      int from,
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
    for (int t = 0; t < tokenCount; t++) {
      for (int i = yOffset + t * n + from; i < yOffset + (t + 1) * n; i++) {
        ys[i] += 0f; // a tile stores +0 for −0 even where every factor is 0
      }
      for (int i = 0; i < columnCount; i++) {
        float a = h[hOffset + i * hStride + t];
        if (a != 0) {
          axpyFrom(from, a, columns, columnOffset + i * n, ys, yOffset + t * n, n);
        }
      }
    }
  }

  @Override
  public void exp(float[] x, int offset, int n) {
    Objects.checkFromIndexSize(offset, n, x.length);
    for (int i = offset; i < offset + n; i++) {
      x[i] = Exponential.exp(x[i]);
    }
  }

  @Override
  public float softmax(float[] x, int offset, int n) {
    Objects.checkFromIndexSize(offset, n, x.length);
    float most = Float.NEGATIVE_INFINITY;
    for (int i = offset; i < offset + n; i++) {
      most = Math.max(most, x[i]);
    }
    for (int i = offset; i < offset + n; i++) {
      x[i] = Exponential.exp(x[i] - most);
    }
    float sum = ScalarSums.sum(x, offset, n);
    for (int i = offset; i < offset + n; i++) {
      x[i] /= sum;
    }
    return logOfSum(most, sum);
  }

  /** StrictMath, because Math.log may differ between machines. */
  static float logOfSum(float most, float sum) {
    return (float) (most + StrictMath.log(sum));
  }

  @Override
  public float sumOfSquares(float[] x, int offset, int n) {
    return dot(x, offset, x, offset, n);
  }

  @Override
  public void activate(Activation activation, float[] x, int offset, int n) {
    Activations.apply(activation, x, offset, n);
  }
}
