package dev.sluice.engine.kernel;

import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;

/**
 * Kernels on 256-bit vectors, but for loops over blocks of columns and over int8 rows of Q8_0, which take wider ones where the machine has them and no bit changes
 * ({@link Lanes#WIDE}). Checks ranges and sends whole blocks to the loops; dot products whose length is not a multiple of 16 go
 * to the scalar twin whole.
 */
final class VectorKernels implements Kernels {
  static boolean machineIsWideEnough() {
    return FloatVector.SPECIES_PREFERRED.vectorBitSize() >= 256;
  }

  @Override
  public String name() {
    return "vector-256";
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

  private static float dotAt(TensorType type, long address, float[] x, int xOffset, int n) {
    return wholeBlocks(n)
        ? VectorRows.dot(type, address, x, xOffset, n)
        : ScalarKernels.dotAt(type, address, x, xOffset, n);
  }

  private static boolean wholeBlocks(int n) {
    return n % BlockLayout.BLOCK == 0;
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
      if (wholeBlocks(n)) {
        VectorRows.dots(type, address, strideBytes, rows, arranged, arrangedOffset, out, outOffset,
            n);
      } else {
        for (int r = 0; r < rows; r++) {
          out[outOffset + r] =
              ScalarKernels.dotAt(type, address + r * strideBytes, arranged, arrangedOffset, n);
        }
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
        if (r % ScatteredRows.GROUP == 0) {
          fetch(base, offsetsBytes, first + r, rows - r, type.bytes(n));
        }
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
    try {
      VectorQuantiser.set(x, offset, n, target);
    } finally {
      Reference.reachabilityFence(target);
    }
  }

  @Override
  public float dot(TensorType type, MemorySegment weights, long offsetBytes, Int8Vector x) {
    Ranges.checkSuits(type);
    long address = NativeMemory.address(type, weights, offsetBytes, x.length());
    try {
      return VectorInt8.dot(type, address, x);
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
      VectorInt8.dots(type, address, strideBytes, rows, x, out, outOffset);
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
      for (int r = 0; r < rows; r += ScatteredRows.GROUP) {
        int some = Math.min(ScatteredRows.GROUP, rows - r);
        fetch(base, offsetsBytes, first + r, some, type.bytes(x.length()));
        VectorInt8.dotsAt(type, base, offsetsBytes, first + r, some, x, out, outOffset + r);
      }
    } finally {
      Reference.reachabilityFence(weights);
      Reference.reachabilityFence(x);
    }
  }

  private static void fetch(long base, long[] offsets, int first, int left, long rowBytes) {
    ScatteredRows.fetch(base, offsets, first, Math.min(ScatteredRows.GROUP, left), rowBytes);
  }

  @Override
  public void unpack(PackedRows rows, int row, float[] arranged, int offset) {
    if (rows.cols() % PackedRows.GROUP != 0) {
      Kernels.scalar().unpack(rows, row, arranged, offset);
      return;
    }
    VectorPacked.unpack(rows, row, arranged, offset);
  }

  @Override
  public void widen(
      TensorType type, MemorySegment weights, long offsetBytes, float[] row, int rowOffset, int n) {
    Objects.checkFromIndexSize(rowOffset, n, row.length);
    long address = NativeMemory.address(type, weights, offsetBytes, n);
    try {
      int done = VectorRows.widen(type, address, row, rowOffset, n & -BlockLayout.BLOCK);
      ScalarKernels.widenFrom(done, type, address, row, rowOffset, n);
    } finally {
      Reference.reachabilityFence(weights);
    }
  }

  @Override
  public void axpy(
      TensorType type, float a, MemorySegment weights, long offsetBytes, float[] y, int yOffset,
      int n) {
    Objects.checkFromIndexSize(yOffset, n, y.length);
    long address = NativeMemory.address(type, weights, offsetBytes, n);
    try {
      int done = VectorColumns.have(type) ? n & -BlockLayout.BLOCK : 0;
      if (done > 0) {
        VectorColumns.axpy(type, a, address, y, yOffset, done);
      }
      ScalarKernels.axpyFrom(done, type, a, address, y, yOffset, n);
    } finally {
      Reference.reachabilityFence(weights);
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
      int done = from;
      if (VectorColumns.have(type)) {
        done += (to - from) & -BlockLayout.BLOCK;
        VectorColumns.axpys(type, a, aOffset, base + type.bytes(from), offsetsBytes, first, columns,
            y, yOffset + from, done - from);
      }
      ScalarKernels.axpysFrom(done, type, a, aOffset, base, offsetsBytes, first, columns, y,
          yOffset, to);
    } finally {
      Reference.reachabilityFence(weights);
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
      int parts = BlockLayout.parts(columns);
      int full = parts > 2 ? 0 : (to - from) & -BlockLayout.BLOCK;
      VectorColumns.close(parts == 2, scaleType, address + scaleType.bytes(from),
          sums, sumsOffset + from, y, yOffset + from, full);
      ScalarKernels.scaleFrom(from + full, columns, scaleType, address, sums, sumsOffset, y,
          yOffset, to);
    } finally {
      Reference.reachabilityFence(scales);
    }
  }

  @Override
  public void addBlocksAt(
      TensorType type,
      int first,
      int columns,
      int[] neurons,
      float[] a,
      MemorySegment weights,
      long[] offsetsBytes,
      BlockScales scales,
      float[] sums,
      float[] y,
      int n) {
    if (!VectorBlocks.have(type, scales.type()) || n % VectorBlocks.TILE != 0) {
      Kernels.super.addBlocksAt(type, first, columns, neurons, a, weights, offsetsBytes, scales,
          sums, y, n);
      return;
    }
    Objects.checkFromIndexSize(first, columns, a.length);
    Objects.checkFromIndexSize(first, columns, neurons.length);
    Objects.checkFromIndexSize(0, n, sums.length);
    Objects.checkFromIndexSize(0, n, y.length);
    long base = NativeMemory.checkRows(type, weights, offsetsBytes, first, columns, n);
    try {
      VectorBlocks.add(type, first, columns, neurons, a, base, offsetsBytes, scales, sums, y, n);
    } finally {
      Reference.reachabilityFence(weights);
      Reference.reachabilityFence(scales);
    }
  }

  @Override
  public void addMinimums(
      TensorType columns, TensorType minType, float factors, MemorySegment mins,
      long minsOffsetBytes, float[] y, int yOffset, int from, int to) {
    Ranges.checkPart(columns, y, yOffset, from, to);
    long address = NativeMemory.scales(minType, mins, minsOffsetBytes, to);
    try {
      int parts = BlockLayout.parts(columns);
      int full = parts > 2 ? 0 : (to - from) & -BlockLayout.BLOCK;
      VectorColumns.minimums(parts == 2, minType, factors,
          address + minType.bytes(from), y, yOffset + from, full);
      ScalarKernels.minimumsFrom(from + full, columns, minType, factors, address, y, yOffset, to);
    } finally {
      Reference.reachabilityFence(mins);
    }
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    Objects.checkFromIndexSize(aOffset, n, a.length);
    Objects.checkFromIndexSize(bOffset, n, b.length);
    return wholeBlocks(n)
        ? VectorTiles.dot(a, aOffset, b, bOffset, n)
        : ScalarSums.dot(a, aOffset, b, bOffset, n);
  }

  @Override
  public void axpy(float a, float[] x, int xOffset, float[] y, int yOffset, int n) {
    Objects.checkFromIndexSize(xOffset, n, x.length);
    Objects.checkFromIndexSize(yOffset, n, y.length);
    int full = n & -8;
    VectorColumns.axpy(a, x, xOffset, y, yOffset, full);
    ScalarKernels.axpyFrom(full, a, x, xOffset, y, yOffset, n);
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
    if (wholeBlocks(n)) {
      VectorTiles.dots(rows, rowOffset, rowCount, xs, xOffset, xCount, out, outOffset, outStride,
          n);
    } else {
      ScalarKernels.dotEach(rows, rowOffset, rowCount, xs, xOffset, xCount, out, outOffset,
          outStride, n);
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
    int done =
        VectorColumnTiles.axpy(columns, columnOffset, columnCount, h, hOffset, hStride, ys, yOffset,
            tokenCount, n);
    ScalarKernels.axpyEachFrom(
        done, columns, columnOffset, columnCount, h, hOffset, hStride, ys, yOffset, tokenCount, n);
  }

  @Override
  public void exp(float[] x, int offset, int n) {
    Objects.checkFromIndexSize(offset, n, x.length);
    VectorMath.exp(x, offset, n);
  }

  @Override
  public float softmax(float[] x, int offset, int n) {
    Objects.checkFromIndexSize(offset, n, x.length);
    return VectorMath.softmax(x, offset, n);
  }

  @Override
  public float sumOfSquares(float[] x, int offset, int n) {
    return dot(x, offset, x, offset, n);
  }

  @Override
  public void activate(Activation activation, float[] x, int offset, int n) {
    Objects.checkFromIndexSize(offset, n, x.length);
    VectorMath.activate(activation, x, offset, n);
  }
}
