package dev.sluice.storage.predictor;

/**
 * How far the product of a row's rounding error e with a vector x can be above 0. Blocks of elements share a scale Δ_b, and
 * |e_i| ≤ Δ_b/2.
 *
 * <ul>
 * <li>By norms, always: e·x ≤ Σ_b ‖e_b‖‖x_b‖ (Cauchy and Schwarz).
 * <li>By dither, except with probability δ: the e_i are independent and uniform on ±Δ_b/2, so e·x has the variance v =
 * Σ_b Δ_b²‖x_b‖²/12, and is sub-Gaussian with it (E exp(λaU) = sinh(λa/2)/(λa/2) ≤ exp(λ²a²/24)): e·x ≤ √(2 v ln(1/δ)),
 * which is √(Σ_b Δ_b²‖x_b‖² ln(1/δ)/6). A uniform number is a sum of independent signs with weights 2⁻ᵏ, so sums of them are
 * sums of signs, for which Pinelis (Annals of Statistics 22, 1994) has P(S ≥ z√v) ≤ (2e³/9)·P(N ≥ z): for small δ a few per
 * cent less. The smaller of the two is taken.
 * </ul>
 */
public final class ErrorBound {
  private static final double PINELIS = 2 * Math.exp(3) / 9;

  private ErrorBound() {}

  /**
   * How many standard deviations e·x exceeds with probability δ at most.
   *
   * @throws IllegalArgumentException unless 0 &lt; δ &lt; 1
   */
  public static double deviations(double delta) {
    return Math.min(subGaussianDeviations(delta), pinelisDeviations(delta));
  }

  /** √(2 ln(1/δ)). */
  public static double subGaussianDeviations(double delta) {
    if (!(delta > 0 && delta < 1)) {
      throw new IllegalArgumentException(
          "a probability of failure lies between 0 and 1, unlike " + delta);
    }
    return Math.sqrt(-2 * Math.log(delta));
  }

  /** The z at which (2e³/9)·φ(z)/z, which is above (2e³/9)·P(N ≥ z), has fallen to δ. */
  static double pinelisDeviations(double delta) {
    double low = 0x1p-10; // more than δ
    double high = 64; // less than any double
    while (high - low > 1e-9) {
      double z = (low + high) / 2;
      double tail = PINELIS * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) / z;
      if (tail > delta) {
        low = z;
      } else {
        high = z;
      }
    }
    return high;
  }

  /**
   * The bound by dither.
   *
   * @param scales Δ_b
   * @param squares ‖x_b‖²
   */
  public static double byDither(double[] scales, double[] squares, double delta) {
    double sum = 0;
    for (int b = 0; b < scales.length; b++) {
      sum += scales[b] * scales[b] * squares[b];
    }
    return deviations(delta) * Math.sqrt(sum / 12);
  }

  /**
   * The bound by norms.
   *
   * @param errorNorms ‖e_b‖
   * @param squares ‖x_b‖²
   */
  public static double byNorms(double[] errorNorms, double[] squares) {
    double sum = 0;
    for (int b = 0; b < errorNorms.length; b++) {
      sum += errorNorms[b] * Math.sqrt(squares[b]);
    }
    return sum;
  }

  /** What each of some decisions may fail with, so that all of them together fail with {@code total} at most. */
  public static double perDecision(double total, double decisions) {
    return total / Math.max(1, decisions);
  }
}
