package dev.sluice.bundler.predictor;

/**
 * What naming a neuron is worth at a score: a value by which neurons of a layer can be compared, rising with the active
 * magnitude that is expected of it. Naming all whose worth reaches a bar loses least magnitude for their number.
 */
sealed interface Worth permits EstimatedWorth, LogitWorth {
  /** Logarithm of the worth; −∞ for none. */
  float of(int neuron, float score);

  /** Writes for one neuron from which score its worth reaches {@code bar}, see {@link Cut}. */
  void cut(int neuron, float bar, Cut cut);

  /** Whether a dip below the cut can be worth naming. */
  boolean hasDips();

  /** Receives a cut: scores from {@code from} on, and those in [dipFrom, dipTo]. */
  final class Cut {
    float from;
    float dipFrom;
    float dipTo;

    void clear() {
      from = Float.POSITIVE_INFINITY;
      dipFrom = Float.POSITIVE_INFINITY;
      dipTo = Float.NEGATIVE_INFINITY;
    }
  }
}
