package dev.sluice.bench.papers;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/**
 * 95 % intervals by resampling evaluation windows with replacement (percentile method). Every figure is computed from the same
 * resamples, so differences between models, rules and predictors are paired: the windows hold the same text for all. Immutable;
 * thread-safe.
 */
final class PairedBootstrap {
  private static final double TAIL = 0.025;

  private final int[] all;
  private final int[][] samples;

  /** Draws {@code resamples} of {@code windows} window numbers each. */
  PairedBootstrap(int windows, int resamples, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    all = new int[windows];
    Arrays.setAll(all, w -> w);
    samples = new int[resamples][windows];
    for (int[] sample : samples) {
      Arrays.setAll(sample, w -> random.nextInt(windows));
    }
  }

  /**
   * A figure and the interval around it; NaN where it has none.
   *
   * @param value of the windows as they are
   */
  record Interval(double low, double value, double high) {
    /** Whether the interval excludes 0. */
    boolean isResolved() {
      return low > 0 || high < 0;
    }
  }

  /** The interval of a statistic of a list of window numbers. Where a resample gives no number, the figure has no interval. */
  Interval interval(ToDoubleFunction<int[]> statistic) {
    double value = statistic.applyAsDouble(all);
    double[] values = Arrays.stream(samples).parallel().mapToDouble(statistic).sorted().toArray();
    if (Double.isNaN(value) || Double.isNaN(values[values.length - 1])) {
      return new Interval(Double.NaN, value, Double.NaN);
    }
    return new Interval(quantile(values, TAIL), value, quantile(values, 1 - TAIL));
  }

  /** Linear between order statistics. */
  static double quantile(double[] sorted, double share) {
    double at = share * (sorted.length - 1);
    int below = (int) Math.floor(at);
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }

  /** Mean of some windows' values. */
  static double mean(double[] windows, int[] sample) {
    double sum = 0;
    for (int window : sample) {
      sum += windows[window];
    }
    return sum / sample.length;
  }
}
