package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;

import jdk.incubator.vector.FloatVector;

/**
 * Batches over float32 rows. A tile keeps its accumulators in registers: 3 rows × 4 vectors for
 * dots, 2 tokens × 64 elements for axpy, the best of nine and six shapes measured with AVX-512's 32
 * registers.
 */
final class VectorTiles {
  private static final int STRIP = 64;

  private VectorTiles() {}

  /** n is a multiple of 16. */
  static void dots(
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
    float[] sums = Lanes.scratch();
    int xTiled = xCount & -4;
    int r = 0;
    for (; r + 3 <= rowCount; r += 3) {
      for (int t = 0; t < xTiled; t += 4) {
        sum3x4(rows, rowOffset + r * n, xs, xOffset + t * n, sums, n);
        int o = outOffset + r * outStride + t;
        Lanes.fold4(sums, 0, out, o, 1);
        Lanes.fold4(sums, 32, out, o + outStride, 1);
        Lanes.fold4(sums, 64, out, o + 2 * outStride, 1);
      }
    }
    for (; r < rowCount; r++) {
      for (int t = 0; t < xTiled; t += 4) {
        sum1x4(rows, rowOffset + r * n, xs, xOffset + t * n, sums, n);
        Lanes.fold4(sums, 0, out, outOffset + r * outStride + t, 1);
      }
    }
    for (int t = xTiled; t < xCount; t++) { // the same tile with rows and vectors exchanged
      int x = xOffset + t * n;
      int o = outOffset + t;
      int q = 0;
      for (; q + 4 <= rowCount; q += 4) {
        sum1x4(xs, x, rows, rowOffset + q * n, sums, n);
        Lanes.fold4(sums, 0, out, o + q * outStride, outStride);
      }
      for (; q < rowCount; q++) {
        out[o + q * outStride] = dot(rows, rowOffset + q * n, xs, x, n);
      }
    }
  }

  /** n is a multiple of 16. */
  static float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 16) {
      low = FloatVector.fromArray(FLOATS, a, aOffset + i)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i), low);
      high = FloatVector.fromArray(FLOATS, a, aOffset + i + 8)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i + 8), high);
    }
    return Lanes.fold(low.add(high));
  }

  /** Adds the products of n elements, a multiple of 16, to 16 partial sums. */
  static void accumulate(float[] a, int aOffset, float[] b, int bOffset, int n, float[] sums) {
    FloatVector low = FloatVector.fromArray(FLOATS, sums, 0);
    FloatVector high = FloatVector.fromArray(FLOATS, sums, 8);
    for (int i = 0; i < n; i += 16) {
      low = FloatVector.fromArray(FLOATS, a, aOffset + i)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i), low);
      high = FloatVector.fromArray(FLOATS, a, aOffset + i + 8)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i + 8), high);
    }
    low.intoArray(sums, 0);
    high.intoArray(sums, 8);
  }

  private static void sum1x4(float[] a, int ao, float[] x, int xo, float[] sums, int n) {
    FloatVector l0 = FloatVector.zero(FLOATS);
    FloatVector l1 = l0;
    FloatVector l2 = l0;
    FloatVector l3 = l0;
    FloatVector h0 = l0;
    FloatVector h1 = l0;
    FloatVector h2 = l0;
    FloatVector h3 = l0;
    for (int i = 0; i < n; i += 16) {
      FloatVector al = FloatVector.fromArray(FLOATS, a, ao + i);
      l0 = al.fma(FloatVector.fromArray(FLOATS, x, xo + i), l0);
      l1 = al.fma(FloatVector.fromArray(FLOATS, x, xo + n + i), l1);
      l2 = al.fma(FloatVector.fromArray(FLOATS, x, xo + 2 * n + i), l2);
      l3 = al.fma(FloatVector.fromArray(FLOATS, x, xo + 3 * n + i), l3);
      FloatVector ah = FloatVector.fromArray(FLOATS, a, ao + i + 8);
      h0 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), h0);
      h1 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + n + i + 8), h1);
      h2 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + 2 * n + i + 8), h2);
      h3 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + 3 * n + i + 8), h3);
    }
    l0.add(h0).intoArray(sums, 0);
    l1.add(h1).intoArray(sums, 8);
    l2.add(h2).intoArray(sums, 16);
    l3.add(h3).intoArray(sums, 24);
  }

  /** Names: l (h) for partial sums 0–7 (8–15), then row, then vector. */
  private static void sum3x4(float[] a, int ao, float[] x, int xo, float[] sums, int n) {
    FloatVector zero = FloatVector.zero(FLOATS);
    FloatVector l00 = zero;
    FloatVector l01 = zero;
    FloatVector l02 = zero;
    FloatVector l03 = zero;
    FloatVector l10 = zero;
    FloatVector l11 = zero;
    FloatVector l12 = zero;
    FloatVector l13 = zero;
    FloatVector l20 = zero;
    FloatVector l21 = zero;
    FloatVector l22 = zero;
    FloatVector l23 = zero;
    FloatVector h00 = zero;
    FloatVector h01 = zero;
    FloatVector h02 = zero;
    FloatVector h03 = zero;
    FloatVector h10 = zero;
    FloatVector h11 = zero;
    FloatVector h12 = zero;
    FloatVector h13 = zero;
    FloatVector h20 = zero;
    FloatVector h21 = zero;
    FloatVector h22 = zero;
    FloatVector h23 = zero;
    for (int i = 0; i < n; i += 16) {
      FloatVector x0 = FloatVector.fromArray(FLOATS, x, xo + i);
      FloatVector x1 = FloatVector.fromArray(FLOATS, x, xo + n + i);
      FloatVector x2 = FloatVector.fromArray(FLOATS, x, xo + 2 * n + i);
      FloatVector x3 = FloatVector.fromArray(FLOATS, x, xo + 3 * n + i);
      FloatVector a0 = FloatVector.fromArray(FLOATS, a, ao + i);
      l00 = a0.fma(x0, l00);
      l01 = a0.fma(x1, l01);
      l02 = a0.fma(x2, l02);
      l03 = a0.fma(x3, l03);
      FloatVector a1 = FloatVector.fromArray(FLOATS, a, ao + n + i);
      l10 = a1.fma(x0, l10);
      l11 = a1.fma(x1, l11);
      l12 = a1.fma(x2, l12);
      l13 = a1.fma(x3, l13);
      FloatVector a2 = FloatVector.fromArray(FLOATS, a, ao + 2 * n + i);
      l20 = a2.fma(x0, l20);
      l21 = a2.fma(x1, l21);
      l22 = a2.fma(x2, l22);
      l23 = a2.fma(x3, l23);
      x0 = FloatVector.fromArray(FLOATS, x, xo + i + 8);
      x1 = FloatVector.fromArray(FLOATS, x, xo + n + i + 8);
      x2 = FloatVector.fromArray(FLOATS, x, xo + 2 * n + i + 8);
      x3 = FloatVector.fromArray(FLOATS, x, xo + 3 * n + i + 8);
      a0 = FloatVector.fromArray(FLOATS, a, ao + i + 8);
      h00 = a0.fma(x0, h00);
      h01 = a0.fma(x1, h01);
      h02 = a0.fma(x2, h02);
      h03 = a0.fma(x3, h03);
      a1 = FloatVector.fromArray(FLOATS, a, ao + n + i + 8);
      h10 = a1.fma(x0, h10);
      h11 = a1.fma(x1, h11);
      h12 = a1.fma(x2, h12);
      h13 = a1.fma(x3, h13);
      a2 = FloatVector.fromArray(FLOATS, a, ao + 2 * n + i + 8);
      h20 = a2.fma(x0, h20);
      h21 = a2.fma(x1, h21);
      h22 = a2.fma(x2, h22);
      h23 = a2.fma(x3, h23);
    }
    l00.add(h00).intoArray(sums, 0);
    l01.add(h01).intoArray(sums, 8);
    l02.add(h02).intoArray(sums, 16);
    l03.add(h03).intoArray(sums, 24);
    l10.add(h10).intoArray(sums, 32);
    l11.add(h11).intoArray(sums, 40);
    l12.add(h12).intoArray(sums, 48);
    l13.add(h13).intoArray(sums, 56);
    l20.add(h20).intoArray(sums, 64);
    l21.add(h21).intoArray(sums, 72);
    l22.add(h22).intoArray(sums, 80);
    l23.add(h23).intoArray(sums, 88);
  }

  /**
   * Handles leading elements of every column in strips of 64 and 8; returns how many, the caller
   * adds the rest.
   */
  static int axpy(
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
    int d = 0;
    for (; d + STRIP <= n; d += STRIP) {
      int t = 0;
      for (; t + 2 <= tokenCount; t += 2) {
        int y = yOffset + t * n + d;
        add2x64(columns, columnOffset + d, columnCount, h, hOffset + t, hStride, ys, y, n);
      }
      if (t < tokenCount) {
        int y = yOffset + t * n + d;
        for (int e = 0; e < STRIP; e += 32) {
          add1x32(columns, columnOffset + d + e, columnCount, h, hOffset + t, hStride, ys, y + e,
              n);
        }
      }
    }
    for (; d + 8 <= n; d += 8) {
      for (int t = 0; t < tokenCount; t++) {
        int y = yOffset + t * n + d;
        add1x8(columns, columnOffset + d, columnCount, h, hOffset + t, hStride, ys, y, n);
      }
    }
    return d;
  }

  private static void add1x8(
      float[] c, int co, int columnCount, float[] h, int ho, int hStride, float[] ys, int yo,
      int n) {
    FloatVector y = FloatVector.fromArray(FLOATS, ys, yo);
    for (int i = 0; i < columnCount; i++) {
      float a = h[ho + i * hStride];
      if (a != 0) {
        y = FloatVector.broadcast(FLOATS, a).fma(FloatVector.fromArray(FLOATS, c, co + i * n), y);
      }
    }
    y.add(0f).intoArray(ys, yo);
  }

  private static void add1x32(
      float[] c, int co, int columnCount, float[] h, int ho, int hStride, float[] ys, int yo,
      int n) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, ys, yo);
    FloatVector y1 = FloatVector.fromArray(FLOATS, ys, yo + 8);
    FloatVector y2 = FloatVector.fromArray(FLOATS, ys, yo + 16);
    FloatVector y3 = FloatVector.fromArray(FLOATS, ys, yo + 24);
    for (int i = 0; i < columnCount; i++) {
      float a = h[ho + i * hStride];
      if (a != 0) {
        FloatVector b = FloatVector.broadcast(FLOATS, a);
        int p = co + i * n;
        y0 = b.fma(FloatVector.fromArray(FLOATS, c, p), y0);
        y1 = b.fma(FloatVector.fromArray(FLOATS, c, p + 8), y1);
        y2 = b.fma(FloatVector.fromArray(FLOATS, c, p + 16), y2);
        y3 = b.fma(FloatVector.fromArray(FLOATS, c, p + 24), y3);
      }
    }
    y0.add(0f).intoArray(ys, yo);
    y1.add(0f).intoArray(ys, yo + 8);
    y2.add(0f).intoArray(ys, yo + 16);
    y3.add(0f).intoArray(ys, yo + 24);
  }

  /** Names: y, then token, then eighth of the strip. */
  private static void add2x64(
      float[] c, int co, int columnCount, float[] h, int ho, int hStride, float[] ys, int yo,
      int n) {
    FloatVector y00 = FloatVector.fromArray(FLOATS, ys, yo);
    FloatVector y01 = FloatVector.fromArray(FLOATS, ys, yo + 8);
    FloatVector y02 = FloatVector.fromArray(FLOATS, ys, yo + 16);
    FloatVector y03 = FloatVector.fromArray(FLOATS, ys, yo + 24);
    FloatVector y04 = FloatVector.fromArray(FLOATS, ys, yo + 32);
    FloatVector y05 = FloatVector.fromArray(FLOATS, ys, yo + 40);
    FloatVector y06 = FloatVector.fromArray(FLOATS, ys, yo + 48);
    FloatVector y07 = FloatVector.fromArray(FLOATS, ys, yo + 56);
    int yp = yo + n;
    FloatVector y10 = FloatVector.fromArray(FLOATS, ys, yp);
    FloatVector y11 = FloatVector.fromArray(FLOATS, ys, yp + 8);
    FloatVector y12 = FloatVector.fromArray(FLOATS, ys, yp + 16);
    FloatVector y13 = FloatVector.fromArray(FLOATS, ys, yp + 24);
    FloatVector y14 = FloatVector.fromArray(FLOATS, ys, yp + 32);
    FloatVector y15 = FloatVector.fromArray(FLOATS, ys, yp + 40);
    FloatVector y16 = FloatVector.fromArray(FLOATS, ys, yp + 48);
    FloatVector y17 = FloatVector.fromArray(FLOATS, ys, yp + 56);
    for (int i = 0; i < columnCount; i++) {
      float a0 = h[ho + i * hStride];
      float a1 = h[ho + i * hStride + 1];
      if (a0 == 0 && a1 == 0) {
        continue;
      }
      FloatVector b0 = FloatVector.broadcast(FLOATS, a0);
      FloatVector b1 = FloatVector.broadcast(FLOATS, a1);
      int p = co + i * n;
      FloatVector v = FloatVector.fromArray(FLOATS, c, p);
      y00 = b0.fma(v, y00);
      y10 = b1.fma(v, y10);
      v = FloatVector.fromArray(FLOATS, c, p + 8);
      y01 = b0.fma(v, y01);
      y11 = b1.fma(v, y11);
      v = FloatVector.fromArray(FLOATS, c, p + 16);
      y02 = b0.fma(v, y02);
      y12 = b1.fma(v, y12);
      v = FloatVector.fromArray(FLOATS, c, p + 24);
      y03 = b0.fma(v, y03);
      y13 = b1.fma(v, y13);
      v = FloatVector.fromArray(FLOATS, c, p + 32);
      y04 = b0.fma(v, y04);
      y14 = b1.fma(v, y14);
      v = FloatVector.fromArray(FLOATS, c, p + 40);
      y05 = b0.fma(v, y05);
      y15 = b1.fma(v, y15);
      v = FloatVector.fromArray(FLOATS, c, p + 48);
      y06 = b0.fma(v, y06);
      y16 = b1.fma(v, y16);
      v = FloatVector.fromArray(FLOATS, c, p + 56);
      y07 = b0.fma(v, y07);
      y17 = b1.fma(v, y17);
    }
    y00.add(0f).intoArray(ys, yo);
    y01.add(0f).intoArray(ys, yo + 8);
    y02.add(0f).intoArray(ys, yo + 16);
    y03.add(0f).intoArray(ys, yo + 24);
    y04.add(0f).intoArray(ys, yo + 32);
    y05.add(0f).intoArray(ys, yo + 40);
    y06.add(0f).intoArray(ys, yo + 48);
    y07.add(0f).intoArray(ys, yo + 56);
    y10.add(0f).intoArray(ys, yp);
    y11.add(0f).intoArray(ys, yp + 8);
    y12.add(0f).intoArray(ys, yp + 16);
    y13.add(0f).intoArray(ys, yp + 24);
    y14.add(0f).intoArray(ys, yp + 32);
    y15.add(0f).intoArray(ys, yp + 40);
    y16.add(0f).intoArray(ys, yp + 48);
    y17.add(0f).intoArray(ys, yp + 56);
  }
}
