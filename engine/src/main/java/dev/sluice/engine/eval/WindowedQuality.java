package dev.sluice.engine.eval;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Quality of a text window by window, so that runs can be compared pair by pair, and how far each run's predictions are from
 * the dense run's. Windows are those of {@link Perplexity}. The dense run's last hidden states are kept: tokens × hidden
 * floats. One thread calls it.
 */
public final class WindowedQuality {
  private static final int SWEEP_TOKENS = 16_384;

  private final Sweep sweep;
  private final Workers workers;
  private final ModelSpec spec;
  private final WindowScorer scorer;
  private final int[] tokens;
  private final int windowTokens;
  private final float[][] reference;
  private final Result dense;

  /**
   * One window.
   *
   * @param nats mean negative log likelihood per predicted token
   * @param accuracy share of predicted tokens that were the most likely
   * @param divergenceNats KL(dense ‖ this), mean over all positions
   * @param activeShare of neurons for which the rule holds, mean over layers and positions
   */
  public record Window(double nats, double accuracy, double divergenceNats, double activeShare) {}

  /** All windows in text order, and shares over all of them. */
  public record Result(List<Window> windows, List<LayerShares> layers) {
    public Result {
      windows = List.copyOf(windows);
      layers = List.copyOf(layers);
    }

    /** exp of the mean of all windows' nats. */
    public double perplexity() {
      return Math.exp(windows.stream().mapToDouble(Window::nats).average().orElseThrow());
    }

    public double accuracy() {
      return windows.stream().mapToDouble(Window::accuracy).average().orElseThrow();
    }
  }

  /**
   * Runs the text densely.
   *
   * @param sweep takes blocks of at least {@code windowTokens} positions
   * @throws IllegalArgumentException if the text is shorter than one window
   */
  public WindowedQuality(Model model, Sweep sweep, Workers workers, int[] tokens,
      int windowTokens) {
    int windows = tokens.length / windowTokens;
    if (windowTokens < 2 || windows == 0) {
      throw new IllegalArgumentException(
          "a text of " + tokens.length + " tokens has no window of " + windowTokens + " tokens");
    }
    this.sweep = sweep;
    this.workers = workers;
    this.spec = model.spec();
    this.scorer = new WindowScorer(model);
    this.tokens = tokens.clone();
    this.windowTokens = windowTokens;
    this.reference = new float[windows][];
    this.dense = run(Activity.exact(spec.layers()), new AllNeurons(spec.feedForward()),
        ProgressListener.SILENT);
  }

  /** Every neuron computed; its divergence is 0, and of a model without exact zeros every neuron is active. */
  public Result dense() {
    return dense;
  }

  /** Runs the text under a rule, with what a predictor names. */
  public Result measure(Activity activity, ActivePredictor predictor, ProgressListener progress) {
    return run(activity, predictor, progress);
  }

  private Result run(Activity activity, ActivePredictor predictor, ProgressListener progress) {
    Shares shares = new Shares(spec.layers(), spec.feedForward());
    List<Window> windows = new ArrayList<>();
    int perSweep = Math.max(1, SWEEP_TOKENS / windowTokens);
    for (int from = 0; from < reference.length; from += perSweep) {
      int first = from;
      int end = Math.min(reference.length, from + perSweep);
      List<Sequence> sequences = new ArrayList<>();
      for (int w = from; w < end; w++) {
        sequences.add(
            sweep.window(Arrays.copyOfRange(tokens, w * windowTokens, (w + 1) * windowTokens)));
      }
      ActiveOfWindow active = new ActiveOfWindow(shares, sequences.size());
      sweep.run(sequences, activity, predictor, active);
      Window[] scored = new Window[sequences.size()];
      workers.parallelFor(scored.length,
          w -> scored[w] = window(sequences.get(w), first + w, active.counts[w]));
      windows.addAll(Arrays.asList(scored));
      progress.progress((long) end * windowTokens, (long) reference.length * windowTokens);
    }
    return new Result(windows, shares.result());
  }

  private Window window(Sequence sequence, int index, long active) {
    WindowScorer.Score score;
    if (reference[index] == null) {
      reference[index] = sequence.hidden().clone();
      score = scorer.score(sequence);
    } else {
      score = scorer.score(Optional.of(reference[index]), sequence);
    }
    int predicted = windowTokens - 1;
    return new Window(score.nats() / predicted, (double) score.correct() / predicted,
        score.divergence(),
        (double) active / windowTokens / spec.layers() / spec.feedForward());
  }

  /** Counts active neurons of each window, and passes blocks on. */
  private static final class ActiveOfWindow implements LayerObserver {
    private final LayerObserver next;
    private final long[] counts;

    ActiveOfWindow(LayerObserver next, int windows) {
      this.next = next;
      this.counts = new long[windows];
    }

    @Override
    public void layerStarts(LayerWeights weights, float[] columnNorms) {
      next.layerStarts(weights, columnNorms);
    }

    @Override
    public void observe(Block block) {
      long active = 0;
      for (int at = 0; at < block.columnNorms().length * block.count(); at++) {
        active += block.verdicts()[at] & Sweep.ACTIVE;
      }
      synchronized (this) {
        counts[block.sequence()] += active;
      }
      next.observe(block);
    }

    @Override
    public void layerEnds(int layer) {
      next.layerEnds(layer);
    }
  }
}
