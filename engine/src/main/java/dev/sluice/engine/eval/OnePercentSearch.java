package dev.sluice.engine.eval;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import java.util.List;

/**
 * CETT-PPL-1 %: the largest CETT target, by bisection of [0, 0.2] in five steps, at which perplexity on the search text is
 * at most one per cent above the dense run's (ReLU² Wins).
 */
public final class OnePercentSearch {
  private static final double HIGHEST_TARGET = 0.2;
  private static final int STEPS = 5;
  // One per cent, and a millionth so that the rounding of float sums does not decide.
  private static final double RISE = 1.01 + 1e-6;

  private final Perplexity perplexity;
  private final int[] tokens;
  private final int windowTokens;
  private final AllNeurons all;
  private double dense = Double.NaN;

  /** Searches on {@code tokens}, the search text's. */
  public OnePercentSearch(Perplexity perplexity, int[] tokens, int windowTokens, int neurons) {
    this.perplexity = perplexity;
    this.tokens = tokens.clone();
    this.windowTokens = windowTokens;
    this.all = new AllNeurons(neurons);
  }

  /** The target for a rule whose curves are given; {@code progress} counts evaluations of the text. */
  public double search(ActiveRule rule, List<CettCurve> curves, ProgressListener progress) {
    ProgressListener silent = (done, total) -> {};
    if (Double.isNaN(dense)) {
      dense = perplexity.measure(tokens, windowTokens, Activity.exact(curves.size()), all, silent)
          .perplexity();
    }
    int low = 0;
    int high = 1 << STEPS;
    for (int step = 0; step < STEPS; step++) {
      progress.progress(step, STEPS);
      int middle = (low + high) / 2;
      double target = target(middle);
      Activity activity = new Activity(rule, target, CettCurve.thresholdsAt(curves, target));
      double at = perplexity.measure(tokens, windowTokens, activity, all, silent).perplexity();
      if (at <= dense * RISE) {
        low = middle;
      } else {
        high = middle;
      }
    }
    progress.progress(STEPS, STEPS);
    return target(low);
  }

  /** A fraction of the interval without the rounding that repeated halving would leave. */
  private static double target(int steps) {
    return Math.round(HIGHEST_TARGET * 1e5) * (double) steps / ((1 << STEPS) * 1e5);
  }
}
