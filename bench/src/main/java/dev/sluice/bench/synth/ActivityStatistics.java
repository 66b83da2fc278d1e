package dev.sluice.bench.synth;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.CoactivationStats;
import dev.sluice.bundler.order.RippleOrder;
import dev.sluice.bundler.order.RunLength;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What is published about which neurons fire, and what a profile aims at.
 *
 * @param activeShare neurons that fire, of all, mean over tokens
 * @param newShare neurons that fire and did not within the {@link #WINDOW_TOKENS} tokens before, of all
 * @param hotShare the smallest share of neurons that makes {@link #HOT_FIRINGS} of the firings
 * @param runInCheckpointOrder mean run of neighbouring firing neurons, in neurons
 * @param runInRippleOrder the same in Ripple's greedy order, made from other tokens
 */
public record ActivityStatistics(
    double activeShare,
    double newShare,
    double hotShare,
    double runInCheckpointOrder,
    double runInRippleOrder) {
  /** As in LLM in a flash (arXiv 2312.11514). */
  public static final int WINDOW_TOKENS = 5;

  /** As in PowerInfer (arXiv 2312.12456). */
  public static final double HOT_FIRINGS = 0.8;

  /**
   * Measures one layer.
   *
   * @param train tokens that Ripple's order is made from
   * @param heldOut other tokens, on which everything is measured
   * @param sequenceTokens tokens of each sequence that {@code heldOut} consists of: no window reaches across their ends
   */
  static ActivityStatistics measure(
      Activity train, Activity heldOut, int sequenceTokens, int threads) {
    CoactivationStats stats =
        CoactivationStats.count(train, CoactivationStats.DEFAULT_PARTNERS, threads);
    return new ActivityStatistics(
        activeShare(heldOut),
        newShare(heldOut, WINDOW_TOKENS, sequenceTokens),
        hotShare(heldOut),
        checkpointRun(heldOut),
        run(heldOut, new RippleOrder().arrange(stats)));
  }

  static double checkpointRun(Activity activity) {
    return run(activity, IntStream.range(0, activity.neurons()).toArray());
  }

  private static double run(Activity heldOut, int[] order) {
    return RunLength.measure(heldOut, order, RunLength.Merging.NONE).meanRunBundles();
  }

  static double activeShare(Activity activity) {
    return (double) activity.firings() / activity.tokens() / activity.neurons();
  }

  static double newShare(Activity activity, int windowTokens, int sequenceTokens) {
    long fresh = 0;
    long tokens = 0;
    for (int t = 0; t < activity.tokens(); t++) {
      if (t % sequenceTokens < windowTokens) {
        continue;
      }
      tokens++;
      for (int w = 0; w < activity.words(); w++) {
        long bits = activity.word(t, w);
        for (int back = 1; back <= windowTokens; back++) {
          bits &= ~activity.word(t - back, w);
        }
        fresh += Long.bitCount(bits);
      }
    }
    return tokens == 0 ? Double.NaN : (double) fresh / tokens / activity.neurons();
  }

  static double hotShare(Activity activity) {
    int[] counts = new int[activity.neurons()];
    for (int t = 0; t < activity.tokens(); t++) {
      for (int w = 0; w < activity.words(); w++) {
        for (long left = activity.word(t, w); left != 0; left &= left - 1) {
          counts[(w << 6) + Long.numberOfTrailingZeros(left)]++;
        }
      }
    }
    Arrays.sort(counts);
    double wanted = HOT_FIRINGS * activity.firings();
    long sum = 0;
    int taken = 0;
    while (sum < wanted) {
      taken++;
      sum += counts[counts.length - taken];
    }
    return (double) taken / counts.length;
  }

  /** The mean over layers of each figure. */
  static ActivityStatistics mean(List<ActivityStatistics> layers) {
    return new ActivityStatistics(
        layers.stream().mapToDouble(ActivityStatistics::activeShare).average().orElse(Double.NaN),
        layers.stream().mapToDouble(ActivityStatistics::newShare).average().orElse(Double.NaN),
        layers.stream().mapToDouble(ActivityStatistics::hotShare).average().orElse(Double.NaN),
        layers.stream().mapToDouble(ActivityStatistics::runInCheckpointOrder).average()
            .orElse(Double.NaN),
        layers.stream().mapToDouble(ActivityStatistics::runInRippleOrder).average()
            .orElse(Double.NaN));
  }
}
