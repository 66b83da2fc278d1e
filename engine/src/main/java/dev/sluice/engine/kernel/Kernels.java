package dev.sluice.engine.kernel;

import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Dot products, scaled additions and the transcendental functions around them. All implementations
 * give the same bits (see the package description), so which one runs is a matter of speed only.
 *
 * <p>Stateless and thread-safe; no method allocates once warm, except that a thread's first tiles
 * take 0.4 MB, most of it outside the heap. Offsets and counts are in elements unless their names say bytes. Ranges that do
 * not fit throw {@link IndexOutOfBoundsException}.
 *
 * <p>Weights are little-endian, finite (importers refuse Inf and NaN) and lie in native memory,
 * mapped or not, at any alignment; heap segments throw {@link IllegalArgumentException}. The caller
 * keeps the segment's arena open until the call returns: it is checked on entry, not at every load.
 *
 * <p>No accumulator is left at −0: {@code axpy} and {@code axpyTile} store +0 instead, which is
 * what lets a tile skip zero factors and still agree with single calls to the bit.
 */
public interface Kernels {
  /** The fastest kernels that work on this machine, chosen once. */
  static Kernels best() {
    return KernelChoice.BEST;
  }

  /** Plain Java kernels, which work everywhere. */
  static Kernels scalar() {
    return KernelChoice.SCALAR;
  }

  /** What a thread takes outside the heap for tiles, at most and for as long as it lives. */
  static long tileBytesPerThread() {
    return VectorTiles.ROOM_BYTES + VectorColumnTiles.ROOM_BYTES;
  }

  /** {@code vector-256} or {@code scalar}. */
  String name();

  /**
   * Permutes n activations into the layout that the other methods want for weights of this type.
   * Arrays must not overlap.
   */
  void arrange(TensorType type, float[] x, int xOffset, float[] arranged, int arrangedOffset,
      int n);

  /** Undoes {@link #arrange}. Arrays must not overlap. */
  void restore(TensorType type, float[] arranged, int arrangedOffset, float[] x, int xOffset,
      int n);

  /** Canonical dot product of n weights at {@code offsetBytes} with n arranged activations. */
  float dot(TensorType type, MemorySegment weights, long offsetBytes, float[] arranged,
      int arrangedOffset, int n);

  /**
   * {@code out[outOffset + r] = dot} of the row at {@code offsetBytes + r · strideBytes}, for r
   * below {@code rows}.
   */
  void dots(
      TensorType type,
      MemorySegment weights,
      long offsetBytes,
      long strideBytes,
      int rows,
      float[] arranged,
      int arrangedOffset,
      float[] out,
      int outOffset,
      int n);

  /**
   * As {@link #dots}, for rows that lie anywhere in the segment: row r at {@code offsetsBytes[first + r]}.
   */
  void dotsAt(
      TensorType type,
      MemorySegment weights,
      long[] offsetsBytes,
      int first,
      int rows,
      float[] arranged,
      int arrangedOffset,
      float[] out,
      int outOffset,
      int n);

  /** Quantises n activations, a multiple of 32, in natural order; the vector then has length n. */
  void quantise(float[] x, int offset, int n, Int8Vector target);

  /**
   * Product of a row at {@code offsetBytes}, as long as {@code x}, with quantised activations; see the package
   * description.
   *
   * @throws IllegalArgumentException unless the type {@linkplain Int8Vector#suits suits}
   */
  float dot(TensorType type, MemorySegment weights, long offsetBytes, Int8Vector x);

  /** {@code out[outOffset + r] = dot} of the row at {@code offsetBytes + r · strideBytes}. */
  void dots(
      TensorType type,
      MemorySegment weights,
      long offsetBytes,
      long strideBytes,
      int rows,
      Int8Vector x,
      float[] out,
      int outOffset);

  /** {@code out[outOffset + r] = dot} of the row at {@code offsetsBytes[first + r]}. */
  void dotsAt(
      TensorType type,
      MemorySegment weights,
      long[] offsetsBytes,
      int first,
      int rows,
      Int8Vector x,
      float[] out,
      int outOffset);

  /** Writes n weights as exact float32 values in the arranged layout. */
  void widen(TensorType type, MemorySegment weights, long offsetBytes, float[] row, int rowOffset,
      int n);

  /**
   * Writes a packed row as float32 in the arranged layout of 16-bit types. Both implementations give the
   * same bits as {@link PackedRows#unpack}.
   */
  void unpack(PackedRows rows, int row, float[] arranged, int offset);

  /** y = fma(a, w, y) for n elements; y is in the arranged layout. */
  void axpy(TensorType type, float a, MemorySegment weights, long offsetBytes, float[] y,
      int yOffset, int n);

  /**
   * Scaled additions of columns that lie anywhere in the segment, to a part of y: for column c ascending, {@code y[yOffset
   * + j] = fma(a[aOffset + c], column[j], y[yOffset + j])}, j from {@code from} to {@code to}, where the column begins at
   * {@code offsetsBytes[first + c]}. The bits are those of {@link #axpy} column by column, wherever y is cut.
   *
   * @param y in the arranged layout
   * @param from a multiple of 16 and of the type's blocks
   * @param to the same, or the column's length
   */
  void axpysAt(
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
      int to);

  /**
   * Ends a block of neurons whose columns share one scale per output (see {@link
   * dev.sluice.storage.store.BundleFormat}): {@code y[j] = fma(scales[j], sums[j], y[j])} and {@code sums[j] = 0}, for j
   * from {@code from} to {@code to}, limited as in {@link #axpysAt}.
   *
   * @param columns type of the columns, in whose arranged layout both arrays are; scales are in natural order
   * @param scaleType F16 or F32
   * @param scalesOffsetBytes where the block's scale of output 0 is
   */
  void closeBlock(
      TensorType columns,
      TensorType scaleType,
      MemorySegment scales,
      long scalesOffsetBytes,
      float[] sums,
      int sumsOffset,
      float[] y,
      int yOffset,
      int from,
      int to);

  /**
   * Adds blocks of columns of n elements that lie anywhere in the segment: {@link #axpysAt} onto sums of 0 and {@link
   * #closeBlock} for each block in turn, in one pass and to the same bits.
   *
   * @param first column {@code first} + c is that of neuron {@code neurons[first + c]}, which ascend, with factor {@code
   *     a[first + c]}, and begins at {@code offsetsBytes[first + c]}
   * @param sums scratch for n elements; what it holds before and after does not matter
   */
  default void addBlocksAt(
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
    Arrays.fill(sums, 0, n, 0f);
    for (int c = first; c < first + columns;) {
      int end = scales.blockEnd(neurons, c, first + columns);
      axpysAt(type, a, c, weights, offsetsBytes, c, end - c, sums, 0, 0, n);
      closeBlock(type, scales.type(), scales.memory(),
          scales.rowOffsetBytes(scales.block(neurons[c])), sums, 0, y, 0, 0, n);
      c = end;
    }
  }

  /**
   * Adds what the minimums of a block of neurons contribute: {@code y[j] = fma(factors, mins[j], y[j])}, where {@code
   * factors} is the sum of the factors of the block's columns; the rest as in {@link #closeBlock}.
   */
  void addMinimums(
      TensorType columns, TensorType minType, float factors, MemorySegment mins,
      long minsOffsetBytes, float[] y, int yOffset, int from, int to);

  /** Canonical dot product of two float32 arrays, both in the same layout. */
  float dot(float[] a, int aOffset, float[] b, int bOffset, int n);

  /** y = fma(a, x, y) for n elements. */
  void axpy(float a, float[] x, int xOffset, float[] y, int yOffset, int n);

  /**
   * All dot products of {@code rowCount} rows with {@code xCount} vectors, each stored one after
   * another, n apart: {@code out[outOffset + r · outStride + t] = dot(row r, x t)}. {@code out}
   * must not overlap the inputs.
   */
  void dotTile(
      float[] rows,
      int rowOffset,
      int rowCount,
      float[] xs,
      int xOffset,
      int xCount,
      float[] out,
      int outOffset,
      int outStride,
      int n);

  /**
   * For each token t, and for column i ascending: {@code ys[yOffset + t · n …] = fma(h[hOffset + i
   * · hStride + t], column i, …)}. Columns and ys lie one after another, n apart. Columns are
   * finite; an h of 0 contributes nothing.
   */
  void axpyTile(
      float[] columns,
      int columnOffset,
      int columnCount,
      float[] h,
      int hOffset,
      int hStride,
      float[] ys,
      int yOffset,
      int tokenCount,
      int n);

  /**
   * e^x in place, within 1 ulp for normal results; below −104 it is 0, above 88.73 +Inf, NaN stays
   * NaN.
   */
  void exp(float[] x, int offset, int n);

  /**
   * Softmax in place over n ≥ 1 elements, of which at least one is above −Inf and none is +Inf or
   * NaN.
   *
   * @return the logarithm of the sum of the exponentials of the original elements
   */
  float softmax(float[] x, int offset, int n);

  /** Canonical dot product of n elements with themselves. */
  float sumOfSquares(float[] x, int offset, int n);

  /** The FFN's non-linearity in place; each element as {@link Activations#apply} gives it. */
  void activate(ModelSpec.Activation activation, float[] x, int offset, int n);
}
