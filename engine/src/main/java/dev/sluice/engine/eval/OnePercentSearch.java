package dev.sluice.engine.eval;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.TargetSearch;
import java.util.ArrayList;
import java.util.List;

/**
 * CETT-PPL-1 %: the largest CETT target, of 32 even steps to 0.2, at which perplexity on the search text is at most one per cent
 * above the dense run's (ReLU² Wins). It ends where a step is within the limit and the next is not, as a bisection in five steps
 * does, in fewer evaluations of the text.
 */
public final class OnePercentSearch {
  private static final double HIGHEST_TARGET = 0.2;
  private static final int STEPS = 32;
  private static final int USUAL_EVALUATIONS = 3;
  // One per cent, and a millionth so that the rounding of float sums does not decide.
  private static final double LIMIT = 1.01 + 1e-6;

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

  /**
   * @param target the CETT-PPL-1 % target
   * @param tried all that was evaluated, {@code target} (unless it is 0) and the step above it among them
   */
  public record Result(double target, TargetSearch tried) {}

  /** Searches for a rule whose curves are given; {@code progress} counts evaluations of the text. */
  public Result search(ActiveRule rule, List<CettCurve> curves, ProgressListener progress) {
    if (Double.isNaN(dense)) {
      dense = perplexityAt(Activity.exact(curves.size()));
    }
    RiseBracket bracket = new RiseBracket(STEPS, LIMIT - 1);
    List<TargetSearch.Step> tried = new ArrayList<>();
    while (!bracket.isClosed()) {
      progress.progress(Math.min(tried.size(), USUAL_EVALUATIONS), USUAL_EVALUATIONS + 1);
      int step = bracket.next();
      double target = target(step);
      double ratio = perplexityAt(
          new Activity(rule, target, CettCurve.thresholdsAt(curves, target))) / dense;
      bracket.found(step, ratio - 1);
      tried.add(new TargetSearch.Step(target, ratio));
    }
    progress.progress(USUAL_EVALUATIONS + 1, USUAL_EVALUATIONS + 1);
    return new Result(target(bracket.low()), new TargetSearch(LIMIT, tried));
  }

  private double perplexityAt(Activity activity) {
    return perplexity.measure(tokens, windowTokens, activity, all, ProgressListener.SILENT)
        .perplexity();
  }

  /** A fraction of the interval without the rounding that a sum would leave. */
  private static double target(int steps) {
    return Math.round(HIGHEST_TARGET * 1e5) * (double) steps / (STEPS * 1e5);
  }
}
