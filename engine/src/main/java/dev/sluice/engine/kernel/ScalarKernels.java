package dev.sluice.engine.kernel;

import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Arrays;
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
    return switch (type) {
      case F32 -> ScalarSums.dot32(address, x, xOffset, n);
      case F16, BF16 -> ScalarSums.dot16(address, x, xOffset, n, HalfFormat.shift(type),
          HalfFormat.mask(type), HalfFormat.scale(type));
      default -> dotInChunks(type, address, x, xOffset, n);
    };
  }

  private static float dotInChunks(TensorType type, long address, float[] x, int xOffset, int n) {
    Chunk chunk = Chunk.ofThread();
    Arrays.fill(chunk.sums, 0f);
    for (int i = 0; i < n; i += Chunk.ELEMENTS) {
      int some = Math.min(Chunk.ELEMENTS, n - i);
      chunk.decode(type, address + type.bytes(i), some);
      ScalarSums.accumulate(chunk.values, 0, x, xOffset + i, some, chunk.sums);
    }
    return ScalarSums.fold(chunk.sums);
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
  public void dotsAt(
      TensorType type,
      MemorySegment weights,
      long[] offsetsBytes,
      int first,
      int rows,
      float[] arranged,
      int arrangedOffset,
      float[] out,
      int outOffset,
      int n) {
    Objects.checkFromIndexSize(arrangedOffset, n, arranged.length);
    Objects.checkFromIndexSize(outOffset, rows, out.length);
    long base = NativeMemory.checkRows(type, weights, offsetsBytes, first, rows, n);
    try {
      for (int r = 0; r < rows; r++) {
        out[outOffset + r] =
            dotAt(type, base + offsetsBytes[first + r], arranged, arrangedOffset, n);
      }
    } finally {
      Reference.reachabilityFence(weights);
    }
  }

  @Override
  public void quantise(float[] x, int offset, int n, Int8Vector target) {
    Objects.checkFromIndexSize(offset, n, x.length);
    target.set(x, offset, n);
  }

  @Override
  public float dot(TensorType type, MemorySegment weights, long offsetBytes, Int8Vector x) {
    Ranges.checkSuits(type);
    long address = NativeMemory.address(type, weights, offsetBytes, x.length());
    try {
      return ScalarInt8.dot(type, address, x);
    } finally {
      Reference.reachabilityFence(weights);
      Reference.reachabilityFence(x);
    }
  }

  @Override
  public void dots(
      TensorType type,
      MemorySegment weights,
      long offsetBytes,
      long strideBytes,
      int rows,
      Int8Vector x,
      float[] out,
      int outOffset) {
    Ranges.checkSuits(type);
    Objects.checkFromIndexSize(outOffset, rows, out.length);
    long address = NativeMemory.address(type, weights, offsetBytes, strideBytes, rows, x.length());
    try {
      for (int r = 0; r < rows; r++) {
        out[outOffset + r] = ScalarInt8.dot(type, address + r * strideBytes, x);
      }
    } finally {
      Reference.reachabilityFence(weights);
      Reference.reachabilityFence(x);
    }
  }

  @Override
  public void dotsAt(
      TensorType type,
      MemorySegment weights,
      long[] offsetsBytes,
      int first,
      int rows,
      Int8Vector x,
      float[] out,
      int outOffset) {
    Ranges.checkSuits(type);
    Objects.checkFromIndexSize(outOffset, rows, out.length);
    long base = NativeMemory.checkRows(type, weights, offsetsBytes, first, rows, x.length());
    try {
      for (int r = 0; r < rows; r++) {
        out[outOffset + r] = ScalarInt8.dot(type, base + offsetsBytes[first + r], x);
      }
    } finally {
      Reference.reachabilityFence(weights);
      Reference.reachabilityFence(x);
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
   * multiple of 16 and of the type's blocks.
   */
  static void widenFrom(int from, TensorType type, long address, float[] row, int rowOffset,
      int n) {
    if (from == n) {
      return;
    }
    Chunk chunk = Chunk.ofThread();
    for (int i = from; i < n; i += Chunk.ELEMENTS) {
      int some = Math.min(Chunk.ELEMENTS, n - i);
      chunk.decode(type, address + type.bytes(i), some);
      System.arraycopy(chunk.values, 0, row, rowOffset + i, some);
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
   * As {@link #axpy}, for arranged elements {@code from} to {@code to}; {@code from} is a multiple of 16 and of the
   * type's blocks.
   */
  static void axpyFrom(
      int from, TensorType type, float a, long address, float[] y, int yOffset, int to) {
    if (from == to) {
      return;
    }
    Chunk chunk = Chunk.ofThread();
    for (int i = from; i < to; i += Chunk.ELEMENTS) {
      int some = Math.min(Chunk.ELEMENTS, to - i);
      chunk.decode(type, address + type.bytes(i), some);
      axpyFrom(0, a, chunk.values, 0, y, yOffset + i, some);
    }
  }

  @Override
  public void axpysAt(
      TensorType type,
      float[] a,
      int aOffset,
      MemorySegment weights,
      long[] offsetsBytes,
      int first,
      int columns,
      float[] y,
      int yOffset,
      int from,
      int to) {
    Ranges.checkPart(type, y, yOffset, from, to);
    Objects.checkFromIndexSize(aOffset, columns, a.length);
    long base = NativeMemory.checkRows(type, weights, offsetsBytes, first, columns, to);
    try {
      axpysFrom(from, type, a, aOffset, base, offsetsBytes, first, columns, y, yOffset, to);
    } finally {
      Reference.reachabilityFence(weights);
    }
  }

  /** {@link #axpysAt} without checks. */
  static void axpysFrom(
      int from,
      TensorType type,
      float[] a,
      int aOffset,
      long base,
      long[] offsetsBytes,
      int first,
      int columns,
      float[] y,
      int yOffset,
      int to) {
    for (int c = 0; c < columns; c++) {
      axpyFrom(from, type, a[aOffset + c], base + offsetsBytes[first + c], y, yOffset, to);
    }
  }

  @Override
  public void closeBlock(
      TensorType columns,
      TensorType scaleType,
      MemorySegment scales,
      long scalesOffsetBytes,
      float[] sums,
      int sumsOffset,
      float[] y,
      int yOffset,
      int from,
      int to) {
    Ranges.checkPart(columns, sums, sumsOffset, from, to);
    Ranges.checkPart(columns, y, yOffset, from, to);
    long address = NativeMemory.scales(scaleType, scales, scalesOffsetBytes, to);
    try {
      scaleFrom(from, columns, scaleType, address, sums, sumsOffset, y, yOffset, to);
    } finally {
      Reference.reachabilityFence(scales);
    }
  }

  /** {@link #closeBlock} without checks. */
  static void scaleFrom(
      int from, TensorType columns, TensorType scaleType, long address, float[] sums,
      int sumsOffset, float[] y, int yOffset, int to) {
    if (from == to) {
      return;
    }
    Chunk chunk = Chunk.ofThread();
    for (int i = from; i < to; i += Chunk.ELEMENTS) {
      int some = Math.min(Chunk.ELEMENTS, to - i);
      chunk.decodeAs(columns, scaleType, address + scaleType.bytes(i), some);
      for (int k = 0; k < some; k++) {
        int at = yOffset + i + k;
        y[at] = Math.fma(chunk.values[k], sums[sumsOffset + i + k], y[at]) + 0f;
        sums[sumsOffset + i + k] = 0f;
      }
    }
  }

  @Override
  public void addMinimums(
      TensorType columns, TensorType minType, float factors, MemorySegment mins,
      long minsOffsetBytes, float[] y, int yOffset, int from, int to) {
    Ranges.checkPart(columns, y, yOffset, from, to);
    long address = NativeMemory.scales(minType, mins, minsOffsetBytes, to);
    try {
      minimumsFrom(from, columns, minType, factors, address, y, yOffset, to);
    } finally {
      Reference.reachabilityFence(mins);
    }
  }

  /** {@link #addMinimums} without checks. */
  static void minimumsFrom(
      int from, TensorType columns, TensorType minType, float factors, long address, float[] y,
      int yOffset, int to) {
    if (from == to) {
      return;
    }
    Chunk chunk = Chunk.ofThread();
    for (int i = from; i < to; i += Chunk.ELEMENTS) {
      int some = Math.min(Chunk.ELEMENTS, to - i);
      chunk.decodeAs(columns, minType, address + minType.bytes(i), some);
      axpyFrom(0, factors, chunk.values, 0, y, yOffset + i, some);
    }
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
