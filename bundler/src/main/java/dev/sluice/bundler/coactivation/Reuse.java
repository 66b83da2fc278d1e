package dev.sluice.bundler.coactivation;

import java.util.Arrays;

/**
 * How much of what is active at a token was active shortly before it (docs/papers.md), and what independent neurons of the same
 * rates would give. The text is cut into evaluation windows that start from an empty context, so nothing is compared across
 * their borders. Each of the two measures has its null: firing rates alone make much of it. Stateless.
 */
public final class Reuse {
  private Reuse() {}

  /**
   * |A_t ∩ A_(t−lag)| / |A_t|, its mean over all tokens with a non-empty A_t that have a token {@code lag} before them in their
   * window; 0 if there is none.
   */
  public static double atLag(Activity activity, int windowTokens, int lag) {
    return mean(activity, windowTokens, lag, 0, activity.tokens()).mean();
  }

  /** The same of each window by itself, in order; an incomplete last one is left out. */
  public static double[] atLagByWindow(Activity activity, int windowTokens, int lag) {
    double[] windows = new double[activity.tokens() / windowTokens];
    Arrays.setAll(windows,
        w -> mean(activity, windowTokens, lag, w * windowTokens, (w + 1) * windowTokens).mean());
    return windows;
  }

  private record Ratios(double sum, int count) {
    double mean() {
      return count == 0 ? 0 : sum / count;
    }
  }

  private static Ratios mean(Activity activity, int windowTokens, int lag, int from, int end) {
    double sum = 0;
    int count = 0;
    for (int t = from; t < end; t++) {
      if (t % windowTokens < lag) {
        continue;
      }
      int active = 0;
      int again = 0;
      for (int w = 0; w < activity.words(); w++) {
        long now = activity.word(t, w);
        active += Long.bitCount(now);
        again += Long.bitCount(now & activity.word(t - lag, w));
      }
      if (active > 0) {
        sum += (double) again / active;
        count++;
      }
    }
    return new Ratios(sum, count);
  }

  /** What {@link #atLag} comes to for independent neurons, at any lag: Σ p² / Σ p; 0 if none fires. */
  public static double ifIndependent(Activity activity) {
    return 1 - newShareIfIndependent(activity, 1);
  }

  /**
   * Of all firings at tokens {@code firstToken} and on of each window, the share whose neuron did not fire at any of the {@code
   * previous} tokens before; 0 if there are none.
   *
   * @param firstToken of a window, counted from 0; at least {@code previous}
   */
  public static double newShare(Activity activity, int windowTokens, int previous,
      int firstToken) {
    if (previous < 1 || firstToken < previous) {
      throw new IllegalArgumentException(previous + " tokens before token " + firstToken);
    }
    long active = 0;
    long fresh = 0;
    for (int t = 0; t < activity.tokens(); t++) {
      if (t % windowTokens < firstToken) {
        continue;
      }
      for (int w = 0; w < activity.words(); w++) {
        long before = 0;
        for (int back = 1; back <= previous; back++) {
          before |= activity.word(t - back, w);
        }
        active += Long.bitCount(activity.word(t, w));
        fresh += Long.bitCount(activity.word(t, w) & ~before);
      }
    }
    return active == 0 ? 0 : (double) fresh / active;
  }

  /** The same for independent neurons: Σ p (1 − p)^previous / Σ p; 1 if none fires. */
  public static double newShareIfIndependent(Activity activity, int previous) {
    double all = 0;
    double fresh = 0;
    for (int count : activity.counts()) {
      double rate = (double) count / activity.tokens();
      all += rate;
      fresh += rate * Math.pow(1 - rate, previous);
    }
    return all == 0 ? 1 : fresh / all;
  }
}
