package dev.sluice.bench.synth;

/** The normal distribution of mean 0 and deviation 1. */
final class Gaussian {
  private static final int STEPS = 4000;
  private static final double TAIL = 10;

  private Gaussian() {}

  /** Φ(x), by the series of the error function's integral (Marsaglia 2004); good to 15 digits for |x| ≤ 7. */
  static double below(double x) {
    if (x < -8) {
      return 0;
    }
    if (x > 8) {
      return 1;
    }
    double sum = x;
    double term = x;
    for (int i = 3; Math.abs(term) > 1e-18 && i < 1000; i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  /** The x at which Φ(x) = p. */
  static double quantile(double p) {
    double low = -8;
    double high = 8;
    for (int k = 0; k < 60; k++) {
      double middle = (low + high) / 2;
      if (below(middle) < p) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return (low + high) / 2;
  }

  /** E[max(0, x)^power] for x of this mean and deviation, by the midpoint rule. */
  static double positiveMoment(double mean, double deviation, int power) {
    double top = mean + TAIL * deviation;
    if (top <= 0) {
      return 0;
    }
    double step = top / STEPS;
    double sum = 0;
    for (int k = 0; k < STEPS; k++) {
      double x = (k + 0.5) * step;
      double t = (x - mean) / deviation;
      sum += StrictMath.pow(x, power) * StrictMath.exp(-t * t / 2);
    }
    return sum * step / (deviation * StrictMath.sqrt(2 * Math.PI));
  }
}
