package dev.sluice.storage.predictor;

/** A vector rounded to whole numbers −127 … 127 that share one scale. Fitting and predicting round alike. */
public final class Int8Codes {
  private Int8Codes() {}

  /**
   * Rounds {@code values[0 .. n)} to the largest absolute value over 127, and pads an odd n with a zero.
   *
   * @return what one step is worth
   */
  public static float encode(float[] values, int n, short[] codes, int offset) {
    float largest = 0;
    for (int i = 0; i < n; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    float perStep = largest > 0 ? Int8Rows.LARGEST / largest : 0;
    if (!(perStep < Float.POSITIVE_INFINITY)) { // too small to divide by
      perStep = 0;
    }
    for (int i = 0; i < n; i++) {
      float scaled = values[i] * perStep;
      codes[offset + i] = (short) (scaled + (scaled < 0 ? -0.5f : 0.5f));
    }
    if (n % 2 == 1) {
      codes[offset + n] = 0;
    }
    return largest / Int8Rows.LARGEST;
  }
}
