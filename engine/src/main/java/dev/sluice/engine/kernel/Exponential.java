package dev.sluice.engine.kernel;

/**
 * e^x for one float32, the twin of {@link VectorMath}. x = k·ln 2 + r with |r| ≤ ln 2 / 2; e^r
 * = 1 + r(1 + r·q(r)) with q of degree 4, a minimax fit of (e^r − 1 − r)/r² for relative error of
 * e^r (below 2^-27); then two exact powers of two, so that subnormal results round once.
 */
final class Exponential {
  /** e^LEAST rounds to 0 and e^MOST to +Inf. */
  static final float LEAST = -104f;

  static final float MOST = 89f;
  static final float LOG2_E = 0x1.715476p0f;

  /** Adding it to |v| &lt; 2^22 leaves v, rounded to an integer, in the low bits: 1.5 · 2^23. */
  static final float ROUNDER = 0x1.8p23f;

  static final int ROUNDER_BITS = 0x4b400000;
  static final float MINUS_LN_2_HIGH = -0x1.62e43p-1f;
  static final float MINUS_LN_2_LOW = 0x1.05c61p-29f;
  static final float Q0 = 0x1.fffffcp-2f;
  static final float Q1 = 0x1.55548ep-3f;
  static final float Q2 = 0x1.555904p-5f;
  static final float Q3 = 0x1.123cccp-7f;
  static final float Q4 = 0x1.6a1f62p-10f;

  private Exponential() {}

  static float exp(float x) {
    float v = Math.min(Math.max(x, LEAST), MOST);
    float rounded = Math.fma(v, LOG2_E, ROUNDER);
    float k = rounded - ROUNDER;
    float r = Math.fma(k, MINUS_LN_2_LOW, Math.fma(k, MINUS_LN_2_HIGH, v));
    float q = Math.fma(Math.fma(Math.fma(Math.fma(Q4, r, Q3), r, Q2), r, Q1), r, Q0);
    float p = Math.fma(Math.fma(q, r, 1f), r, 1f);
    int exponent = Float.floatToRawIntBits(rounded) - ROUNDER_BITS;
    int half = exponent >> 1;
    return p * powerOfTwo(half) * powerOfTwo(exponent - half);
  }

  private static float powerOfTwo(int exponent) {
    return Float.intBitsToFloat((exponent + 127) << 23);
  }
}
