package dev.sluice.engine.eval;

import dev.sluice.engine.eval.WindowedQuality.Window;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Observers;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.model.KvCache;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.sequence.SequencePredictor;
import dev.sluice.storage.store.ModelSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * How well a text is continued: its prompt is computed with every neuron, what follows with the neurons that a method leaves, in
 * the true text's own tokens. Predictions are those of the continuation's second token and on, the first being the prompt's to
 * predict. One thread.
 */
public final class ContinuationQuality {
  private final Model model;
  private final ModelSpec spec;
  private final Sweep sweep;
  private final WindowScorer scorer;
  private final ActivePredictor all;

  /** Which neurons count after the prompt. */
  public sealed interface Choice {
    /** Those that a rule leaves at each token, found by computing all: per-token truncation. */
    record EachToken(Activity activity) implements Choice {}

    /** Those that the prompt chose, all of them at each token. */
    record ByPrompt(SequencePredictor predictor) implements Choice {}
  }

  /**
   * What one text gave.
   *
   * @param dense every neuron after the prompt too
   * @param windows one for each choice; the share is of neurons that a method leaves, whether or not their output is 0
   * @param leadingShares for each choice, the predictions before the first whose most likely token was not the text's, as a share of
   *     all
   */
  public record Result(Window dense, List<Window> windows, List<Double> leadingShares) {
    public Result {
      windows = List.copyOf(windows);
      leadingShares = List.copyOf(leadingShares);
    }
  }

  /** @param sweep of this model */
  public ContinuationQuality(Model model, Sweep sweep) {
    this.model = model;
    this.spec = model.spec();
    this.sweep = sweep;
    this.scorer = new WindowScorer(model);
    this.all = new AllNeurons(spec.feedForward());
  }

  /**
   * @param text prompt and continuation
   * @param promptTokens how many of them are the prompt; at least two are left
   */
  public Result measure(int[] text, int promptTokens, List<Choice> choices) {
    if (promptTokens < 1 || text.length - promptTokens < 2) {
      throw new IllegalArgumentException(
          promptTokens + " of " + text.length + " tokens as a prompt leave nothing to predict");
    }
    KvCache kv = new KvCache(spec, text.length, KvCache.Precision.FLOAT32);
    Activity exact = Activity.exact(spec.layers());
    List<LayerObserver> watchers = new ArrayList<>();
    choices.forEach(choice -> {
      if (choice instanceof Choice.ByPrompt(SequencePredictor predictor)) {
        watchers.add(predictor);
      }
    });
    sweep.run(List.of(sequence(Arrays.copyOf(text, promptTokens), 0, kv)), exact, all,
        new Observers(watchers));
    int[] rest = Arrays.copyOfRange(text, promptTokens, text.length);
    // Each run writes its own keys and values behind the prompt's.
    Sequence dense = sequence(rest, promptTokens, kv);
    sweep.run(List.of(dense), exact, all, LayerObserver.NONE);
    List<Window> windows = new ArrayList<>();
    List<Double> leading = new ArrayList<>();
    for (Choice choice : choices) {
      Sequence run = sequence(rest, promptTokens, kv);
      Count count = new Count();
      switch (choice) {
        case Choice.EachToken(Activity activity) ->
            sweep.run(List.of(run), activity, all, count);
        case Choice.ByPrompt(SequencePredictor predictor) ->
            sweep.run(List.of(run), exact, predictor, count);
      }
      byte bit = choice instanceof Choice.ByPrompt ? Sweep.PREDICTED : Sweep.ACTIVE;
      WindowScorer.Score score = scorer.score(Optional.of(dense.hidden()), run);
      leading.add((double) score.leading() / (rest.length - 1));
      windows.add(window(run, score,
          bit == Sweep.PREDICTED ? count.predicted : count.active));
    }
    return new Result(
        window(dense, scorer.score(dense), (long) rest.length * spec.layers() * spec.feedForward()),
        windows, leading);
  }

  private Window window(Sequence run, WindowScorer.Score score, long left) {
    int predicted = run.tokens().length - 1;
    return new Window(score.nats() / predicted, (double) score.correct() / predicted,
        score.divergence(),
        (double) left / run.tokens().length / spec.layers() / spec.feedForward());
  }

  private Sequence sequence(int[] tokens, int firstPosition, KvCache kv) {
    return Sequence.continuing(tokens, firstPosition, kv, model.spec().hidden(),
        spec.heads() * spec.headSize());
  }

  /** Neurons that the rule, and that the predictor left; summed over layers and positions. */
  private static final class Count implements LayerObserver {
    private long active;
    private long predicted;

    @Override
    public boolean wantsColumnNorms() {
      return false;
    }

    @Override
    public void layerStarts(LayerWeights weights, float[] columnNorms) {}

    @Override
    public void observe(Block block) {
      long active = 0;
      long predicted = 0;
      for (int at = 0; at < block.columnNorms().length * block.count(); at++) {
        active += block.verdicts()[at] & Sweep.ACTIVE;
        predicted += (block.verdicts()[at] & Sweep.PREDICTED) / Sweep.PREDICTED;
      }
      synchronized (this) {
        this.active += active;
        this.predicted += predicted;
      }
    }

    @Override
    public void layerEnds(int layer) {}
  }
}
