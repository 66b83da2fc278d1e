package dev.sluice.engine.eval;

/**
 * Closes in on where a rise that grows with its step passes a limit: the last step below it, and the next one. A rise of
 * perplexity grows about as the square of the CETT, so the first guesses are read off a straight line through square roots; after
 * them it halves, so no shape of the curve takes more than a few steps beyond a bisection. Not thread-safe.
 */
final class RiseBracket {
  private static final int GUESSES = 3;

  // A CETT of 0.075 where 32 steps are 0.2: the twins' targets lie between 0.05 and 0.1.
  private static final double FIRST_GUESS = 0.375;

  private final int steps;
  private final double limit;
  private int low;
  private double lowRise;
  private int high;
  private double highRise = Double.NaN; // not known of the end
  private int tried;

  /**
   * Between step 0, whose rise is 0, and {@code steps}, which counts as beyond the limit.
   */
  RiseBracket(int steps, double limit) {
    this.steps = steps;
    this.limit = limit;
    this.high = steps;
  }

  /** The last step known to be within the limit. */
  int low() {
    return low;
  }

  boolean isClosed() {
    return high - low == 1;
  }

  /** The step to try next; only while the bracket is not closed. */
  int next() {
    return tried < GUESSES ? Math.clamp(Math.round(guess()), low + 1, high - 1) : (low + high) / 2;
  }

  private double guess() {
    if (tried == 0) {
      return FIRST_GUESS * steps;
    }
    double before = root(lowRise);
    double wanted = root(limit);
    if (Double.isNaN(highRise)) {
      return before > 0 ? low * wanted / before : 2.0 * low;
    }
    return low + (wanted - before) / (root(highRise) - before) * (high - low);
  }

  private static double root(double rise) {
    return Math.sqrt(Math.max(0, rise));
  }

  /** Says how high the rise is at the step that {@link #next} gave. */
  void found(int step, double rise) {
    tried++;
    if (rise <= limit) {
      low = step;
      lowRise = rise;
    } else {
      high = step;
      highRise = rise;
    }
  }
}
