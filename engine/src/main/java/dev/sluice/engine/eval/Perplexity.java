package dev.sluice.engine.eval;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import java.util.ArrayList;
import java.util.List;

/**
 * Perplexity by windows: the text's token ids without special tokens, cut into consecutive windows, an incomplete last one
 * dropped; every window starts with an empty context; exp of the mean negative log likelihood of positions 2 and on.
 */
public final class Perplexity {
  // Hidden states, keys and queries of this many tokens are held at once; more would only raise memory.
  private static final int SWEEP_TOKENS = 16_384;

  private final Model model;
  private final Sweep sweep;
  private final Workers workers;
  private final WindowScorer scorer;

  /**
   * What a text gave.
   *
   * @param nats mean negative log likelihood per predicted token
   * @param accuracy share of positions whose most likely token was the text's
   * @param positions tokens predicted
   */
  public record Result(
      double perplexity, double nats, double accuracy, long positions, int windows,
      List<LayerShares> layers) {}

  public Perplexity(Model model, Sweep sweep, Workers workers) {
    this.model = model;
    this.sweep = sweep;
    this.workers = workers;
    this.scorer = new WindowScorer(model);
  }

  /**
   * Measures {@code tokens}.
   *
   * @param windowTokens positions per window, at least 2
   * @throws IllegalArgumentException if the text is shorter than one window
   */
  public Result measure(
      int[] tokens, int windowTokens, Activity activity, ActivePredictor predictor,
      ProgressListener progress) {
    int windows = tokens.length / windowTokens;
    if (windowTokens < 2 || windows == 0) {
      throw new IllegalArgumentException(
          "a text of " + tokens.length + " tokens has no window of " + windowTokens + " tokens");
    }
    ModelSpec spec = model.spec();
    Shares shares = new Shares(spec.layers(), spec.feedForward());
    int perSweep = Math.max(1, SWEEP_TOKENS / windowTokens);
    double nats = 0;
    long correct = 0;
    for (int from = 0; from < windows; from += perSweep) {
      List<Sequence> sequences = new ArrayList<>();
      for (int w = from; w < Math.min(windows, from + perSweep); w++) {
        int[] window = new int[windowTokens];
        System.arraycopy(tokens, w * windowTokens, window, 0, windowTokens);
        sequences.add(sweep.window(window));
      }
      sweep.run(sequences, activity, predictor, shares);
      WindowScorer.Score[] scores = new WindowScorer.Score[sequences.size()];
      workers.parallelFor(scores.length, i -> scores[i] = scorer.score(sequences.get(i)));
      for (WindowScorer.Score score : scores) {
        nats += score.nats();
        correct += score.correct();
      }
      progress.progress((long) Math.min(windows, from + perSweep) * windowTokens,
          (long) windows * windowTokens);
    }
    long positions = (long) windows * (windowTokens - 1);
    double mean = nats / positions;
    return new Result(
        Math.exp(mean), mean, (double) correct / positions, positions, windows, shares.result());
  }
}
