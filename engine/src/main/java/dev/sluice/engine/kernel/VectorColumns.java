package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;

import dev.sluice.storage.tensor.TensorType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Scaled additions of several columns in one pass over y, and the scales that close a block of columns. Lengths are
 * multiples of 16 (Q8_0: 32) here; ranges are checked.
 */
final class VectorColumns {
  private static final VectorShuffle<Float> EVENS =
      VectorShuffle.fromValues(FLOATS, 0, 2, 4, 6, -8, -6, -4, -2);
  private static final VectorShuffle<Float> ODDS =
      VectorShuffle.fromValues(FLOATS, 1, 3, 5, 7, -7, -5, -3, -1);

  private VectorColumns() {}

  /** Whether {@link #axpys} knows this type. */
  static boolean knows(TensorType type) {
    return switch (type) {
      case I8, U4, F16, BF16, F32, Q8_0 -> true;
      default -> false;
    };
  }

  /** Adds n elements of {@code count} columns, which begin at {@code base} plus their offsets, to y. */
  static void axpys(
      TensorType type, float[] a, int ao, long base, long[] offsets, int first, int count,
      float[] y, int yo, int n) {
    int c = 0;
    if (type == TensorType.I8) {
      for (; c + 4 <= count; c += 4) {
        int at = first + c;
        bytes4(base + offsets[at], base + offsets[at + 1], base + offsets[at + 2],
            base + offsets[at + 3], a, ao + c, y, yo, n);
      }
    }
    for (; c + 2 <= count; c += 2) {
      two(type, base + offsets[first + c], base + offsets[first + c + 1], a[ao + c], a[ao + c + 1],
          y, yo, n);
    }
    if (c < count) {
      VectorRows.axpy(type, a[ao + c], base + offsets[first + c], y, yo, n);
    }
  }

  private static void two(
      TensorType type, long v, long w, float a, float b, float[] y, int yo, int n) {
    switch (type) {
      case I8 -> bytes2(v, w, a, b, y, yo, n);
      case U4 -> nibbles2(v, w, a, b, y, yo, n);
      case F32 -> floats2(v, w, a, b, y, yo, n);
      case Q8_0 -> blocks2(v, w, a, b, y, yo, n);
      default -> halves2(v, w, a, b, y, yo, n, HalfFormat.shift(type), HalfFormat.mask(type),
          HalfFormat.scale(type));
    }
  }

  private static void bytes4(
      long w0, long w1, long w2, long w3, float[] a, int ao, float[] y, int yo, int n) {
    FloatVector a0 = FloatVector.broadcast(FLOATS, a[ao]);
    FloatVector a1 = FloatVector.broadcast(FLOATS, a[ao + 1]);
    FloatVector a2 = FloatVector.broadcast(FLOATS, a[ao + 2]);
    FloatVector a3 = FloatVector.broadcast(FLOATS, a[ao + 3]);
    for (int i = 0; i < n; i += 8) {
      FloatVector s = FloatVector.fromArray(FLOATS, y, yo + i);
      s = VectorQuants.bytes(w0 + i).fma(a0, s);
      s = VectorQuants.bytes(w1 + i).fma(a1, s);
      s = VectorQuants.bytes(w2 + i).fma(a2, s);
      s = VectorQuants.bytes(w3 + i).fma(a3, s);
      s.add(0f).intoArray(y, yo + i);
    }
  }

  private static void bytes2(long v, long w, float a, float b, float[] y, int yo, int n) {
    FloatVector av = FloatVector.broadcast(FLOATS, a);
    FloatVector bv = FloatVector.broadcast(FLOATS, b);
    for (int i = 0; i < n; i += 8) {
      FloatVector s = FloatVector.fromArray(FLOATS, y, yo + i);
      s = VectorQuants.bytes(v + i).fma(av, s);
      s = VectorQuants.bytes(w + i).fma(bv, s);
      s.add(0f).intoArray(y, yo + i);
    }
  }

  private static void nibbles2(long v, long w, float a, float b, float[] y, int yo, int n) {
    FloatVector av = FloatVector.broadcast(FLOATS, a);
    FloatVector bv = FloatVector.broadcast(FLOATS, b);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorQuants.unsigned(v + (i >> 1));
      IntVector q = VectorQuants.unsigned(w + (i >> 1));
      FloatVector low = FloatVector.fromArray(FLOATS, y, yo + i);
      low = VectorQuants.low(q).fma(bv, VectorQuants.low(p).fma(av, low));
      low.add(0f).intoArray(y, yo + i);
      FloatVector high = FloatVector.fromArray(FLOATS, y, yo + i + 8);
      high = VectorQuants.high(q).fma(bv, VectorQuants.high(p).fma(av, high));
      high.add(0f).intoArray(y, yo + i + 8);
    }
  }

  private static void floats2(long v, long w, float a, float b, float[] y, int yo, int n) {
    FloatVector av = FloatVector.broadcast(FLOATS, a);
    FloatVector bv = FloatVector.broadcast(FLOATS, b);
    for (int i = 0; i < n; i += 8) {
      FloatVector s = FloatVector.fromArray(FLOATS, y, yo + i);
      s = VectorRows.floats(v + 4L * i).fma(av, s);
      s = VectorRows.floats(w + 4L * i).fma(bv, s);
      s.add(0f).intoArray(y, yo + i);
    }
  }

  private static void blocks2(long v, long w, float a, float b, float[] y, int yo, int n) {
    FloatVector av = FloatVector.broadcast(FLOATS, a);
    FloatVector bv = FloatVector.broadcast(FLOATS, b);
    for (int i = 0; i < n; i += 32, v += 34, w += 34) {
      FloatVector dv = VectorQuants.scale(v);
      FloatVector dw = VectorQuants.scale(w);
      for (int k = 0; k < 32; k += 8) {
        FloatVector s = FloatVector.fromArray(FLOATS, y, yo + i + k);
        s = VectorQuants.bytes(v + 2 + k).mul(dv).fma(av, s);
        s = VectorQuants.bytes(w + 2 + k).mul(dw).fma(bv, s);
        s.add(0f).intoArray(y, yo + i + k);
      }
    }
  }

  private static void halves2(
      long v, long w, float a, float b, float[] y, int yo, int n, int shift, int mask,
      float scale) {
    FloatVector av = FloatVector.broadcast(FLOATS, a);
    FloatVector bv = FloatVector.broadcast(FLOATS, b);
    for (int i = 0; i < n; i += 16) {
      IntVector p = VectorRows.pairs(v + 2L * i);
      IntVector q = VectorRows.pairs(w + 2L * i);
      FloatVector low = FloatVector.fromArray(FLOATS, y, yo + i);
      low = VectorRows.evens(p, shift, mask, scale).fma(av, low);
      low = VectorRows.evens(q, shift, mask, scale).fma(bv, low);
      low.add(0f).intoArray(y, yo + i);
      FloatVector high = FloatVector.fromArray(FLOATS, y, yo + i + 8);
      high = VectorRows.odds(p, shift, mask, scale).fma(av, high);
      high = VectorRows.odds(q, shift, mask, scale).fma(bv, high);
      high.add(0f).intoArray(y, yo + i + 8);
    }
  }

  /** y += scales · sums and sums = 0, for n elements. */
  static void close(
      boolean split, TensorType type, long w, float[] sums, int so, float[] y, int yo, int n) {
    FloatVector zero = FloatVector.zero(FLOATS);
    for (int i = 0; i < n; i += 16) {
      closeHalf(first(split, type, w, i), sums, so + i, y, yo + i, zero);
      closeHalf(second(split, type, w, i), sums, so + i + 8, y, yo + i + 8, zero);
    }
  }

  private static void closeHalf(
      FloatVector scales, float[] sums, int so, float[] y, int yo, FloatVector zero) {
    scales
        .fma(FloatVector.fromArray(FLOATS, sums, so), FloatVector.fromArray(FLOATS, y, yo))
        .add(0f)
        .intoArray(y, yo);
    zero.intoArray(sums, so);
  }

  /** y += factors · mins, for n elements. */
  static void minimums(
      boolean split, TensorType type, float factors, long w, float[] y, int yo, int n) {
    FloatVector a = FloatVector.broadcast(FLOATS, factors);
    for (int i = 0; i < n; i += 16) {
      first(split, type, w, i).fma(a, FloatVector.fromArray(FLOATS, y, yo + i)).add(0f)
          .intoArray(y, yo + i);
      second(split, type, w, i).fma(a, FloatVector.fromArray(FLOATS, y, yo + i + 8)).add(0f)
          .intoArray(y, yo + i + 8);
    }
  }

  /** Arranged elements i to i + 8 of scales in natural order. */
  private static FloatVector first(boolean split, TensorType type, long w, int i) {
    if (type == TensorType.F16) {
      return split
          ? VectorRows.evens(VectorRows.pairs(w + 2L * i), 3, 0x8fffe000, 0x1p112f)
          : VectorQuants.halves(w + 2L * i);
    }
    FloatVector low = VectorRows.floats(w + 4L * i);
    return split ? low.rearrange(EVENS, VectorRows.floats(w + 4L * i + 32)) : low;
  }

  /** Arranged elements i + 8 to i + 16. */
  private static FloatVector second(boolean split, TensorType type, long w, int i) {
    if (type == TensorType.F16) {
      return split
          ? VectorRows.odds(VectorRows.pairs(w + 2L * i), 3, 0x8fffe000, 0x1p112f)
          : VectorQuants.halves(w + 2L * i + 16);
    }
    FloatVector high = VectorRows.floats(w + 4L * i + 32);
    return split ? VectorRows.floats(w + 4L * i).rearrange(ODDS, high) : high;
  }
}
