package dev.sluice.engine.kernel;

/**
 * Canonical sums in plain Java. Partial sums k, k+4, k+8 and k+12 meet in one subtree of the final
 * tree, so each of its four quarters is a loop with four accumulators.
 */
final class ScalarSums {
  private ScalarSums() {}

  static float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    float q0 = quarter(a, aOffset, b, bOffset, n, 0);
    float q1 = quarter(a, aOffset, b, bOffset, n, 1);
    float q2 = quarter(a, aOffset, b, bOffset, n, 2);
    float q3 = quarter(a, aOffset, b, bOffset, n, 3);
    return (q0 + q2) + (q1 + q3);
  }

  private static float quarter(float[] a, int aOffset, float[] b, int bOffset, int n, int k) {
    float s0 = 0;
    float s4 = 0;
    float s8 = 0;
    float s12 = 0;
    int full = n & -BlockLayout.BLOCK;
    for (int i = k; i < full; i += BlockLayout.BLOCK) {
      int p = aOffset + i;
      int q = bOffset + i;
      s0 = Math.fma(a[p], b[q], s0);
      s4 = Math.fma(a[p + 4], b[q + 4], s4);
      s8 = Math.fma(a[p + 8], b[q + 8], s8);
      s12 = Math.fma(a[p + 12], b[q + 12], s12);
    }
    if (full < n) {
      s0 = last(a, aOffset, b, bOffset, full + k, n, s0);
      s4 = last(a, aOffset, b, bOffset, full + k + 4, n, s4);
      s8 = last(a, aOffset, b, bOffset, full + k + 8, n, s8);
      s12 = last(a, aOffset, b, bOffset, full + k + 12, n, s12);
    }
    return (s0 + s8) + (s4 + s12);
  }

  /** Adding the padding's 0 is not idle: it turns −0, left by an underflow, into +0. */
  private static float last(float[] a, int aOffset, float[] b, int bOffset, int i, int n, float s) {
    return i < n ? Math.fma(a[aOffset + i], b[bOffset + i], s) : s + 0f;
  }

  /** Weights are F32 at an address. */
  static float dot32(long address, float[] x, int xOffset, int n) {
    float q0 = quarter32(address, x, xOffset, n, 0);
    float q1 = quarter32(address, x, xOffset, n, 1);
    float q2 = quarter32(address, x, xOffset, n, 2);
    float q3 = quarter32(address, x, xOffset, n, 3);
    return (q0 + q2) + (q1 + q3);
  }

  private static float quarter32(long address, float[] x, int xOffset, int n, int k) {
    float s0 = 0;
    float s4 = 0;
    float s8 = 0;
    float s12 = 0;
    int full = n & -BlockLayout.BLOCK;
    for (int i = k; i < full; i += BlockLayout.BLOCK) {
      long w = address + 4L * i;
      int q = xOffset + i;
      s0 = Math.fma(NativeMemory.float32(w), x[q], s0);
      s4 = Math.fma(NativeMemory.float32(w + 16), x[q + 4], s4);
      s8 = Math.fma(NativeMemory.float32(w + 32), x[q + 8], s8);
      s12 = Math.fma(NativeMemory.float32(w + 48), x[q + 12], s12);
    }
    if (full < n) {
      s0 = last32(address, x, xOffset, full + k, n, s0);
      s4 = last32(address, x, xOffset, full + k + 4, n, s4);
      s8 = last32(address, x, xOffset, full + k + 8, n, s8);
      s12 = last32(address, x, xOffset, full + k + 12, n, s12);
    }
    return (s0 + s8) + (s4 + s12);
  }

  private static float last32(long address, float[] x, int xOffset, int i, int n, float s) {
    return i < n ? Math.fma(NativeMemory.float32(address + 4L * i), x[xOffset + i], s) : s + 0f;
  }

  /** Weights are 16-bit at an address, decoded as {@link HalfFormat} says. */
  static float dot16(
      long address, float[] x, int xOffset, int n, int shift, int mask, float scale) {
    float q0 = quarter16(address, x, xOffset, n, shift, mask, scale, 0);
    float q1 = quarter16(address, x, xOffset, n, shift, mask, scale, 1);
    float q2 = quarter16(address, x, xOffset, n, shift, mask, scale, 2);
    float q3 = quarter16(address, x, xOffset, n, shift, mask, scale, 3);
    return (q0 + q2) + (q1 + q3);
  }

  private static float quarter16(
      long address, float[] x, int xOffset, int n, int shift, int mask, float scale, int k) {
    float s0 = 0;
    float s4 = 0;
    float s8 = 0;
    float s12 = 0;
    int full = n & -BlockLayout.BLOCK;
    for (int i = 0; i < full; i += BlockLayout.BLOCK) {
      long w = address + 2L * i + 4L * k; // partial sum k takes element 2k, k + 8 takes 2k + 1
      int q = xOffset + i + k;
      s0 = Math.fma(decode(w, shift, mask, scale), x[q], s0);
      s4 = Math.fma(decode(w + 16, shift, mask, scale), x[q + 4], s4);
      s8 = Math.fma(decode(w + 2, shift, mask, scale), x[q + 8], s8);
      s12 = Math.fma(decode(w + 18, shift, mask, scale), x[q + 12], s12);
    }
    if (full < n) {
      s0 = last16(address, x, xOffset, n, shift, mask, scale, full + k, s0);
      s4 = last16(address, x, xOffset, n, shift, mask, scale, full + k + 4, s4);
      s8 = last16(address, x, xOffset, n, shift, mask, scale, full + k + 8, s8);
      s12 = last16(address, x, xOffset, n, shift, mask, scale, full + k + 12, s12);
    }
    return (s0 + s8) + (s4 + s12);
  }

  private static float last16(
      long address,
      float[] x,
      int xOffset,
      int n,
      int shift,
      int mask,
      float scale,
      int i,
      float s) {
    return i < n ? Math.fma(decode(address + 2L * i, shift, mask, scale), x[xOffset + i], s)
        : s + 0f;
  }

  private static float decode(long address, int shift, int mask, float scale) {
    return HalfFormat.decode(NativeMemory.bits16(address), shift, mask, scale);
  }

  /**
   * Adds the products of n elements to 16 partial sums. Only the last stretch of a sum may have an n that is no multiple
   * of 16.
   */
  static void accumulate(float[] a, int aOffset, float[] b, int bOffset, int n, float[] sums) {
    for (int i = 0; i < n; i += BlockLayout.BLOCK) {
      for (int k = 0; k < BlockLayout.BLOCK; k++) {
        sums[k] = last(a, aOffset, b, bOffset, i + k, n, sums[k]);
      }
    }
  }

  /** The final tree over 16 partial sums. */
  static float fold(float[] s) {
    float q0 = (s[0] + s[8]) + (s[4] + s[12]);
    float q1 = (s[1] + s[9]) + (s[5] + s[13]);
    float q2 = (s[2] + s[10]) + (s[6] + s[14]);
    float q3 = (s[3] + s[11]) + (s[7] + s[15]);
    return (q0 + q2) + (q1 + q3);
  }

  /** Canonical sum of n elements, none negative. */
  static float sum(float[] x, int offset, int n) {
    float q0 = quarterSum(x, offset, n, 0);
    float q1 = quarterSum(x, offset, n, 1);
    float q2 = quarterSum(x, offset, n, 2);
    float q3 = quarterSum(x, offset, n, 3);
    return (q0 + q2) + (q1 + q3);
  }

  private static float quarterSum(float[] x, int offset, int n, int k) {
    float s0 = 0;
    float s4 = 0;
    float s8 = 0;
    float s12 = 0;
    int full = n & -BlockLayout.BLOCK;
    for (int p = offset + k; p < offset + full; p += BlockLayout.BLOCK) {
      s0 += x[p];
      s4 += x[p + 4];
      s8 += x[p + 8];
      s12 += x[p + 12];
    }
    int p = offset + full + k;
    int end = offset + n;
    s0 = p < end ? s0 + x[p] : s0;
    s4 = p + 4 < end ? s4 + x[p + 4] : s4;
    s8 = p + 8 < end ? s8 + x[p + 8] : s8;
    s12 = p + 12 < end ? s12 + x[p + 12] : s12;
    return (s0 + s8) + (s4 + s12);
  }
}
