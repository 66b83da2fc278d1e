package dev.sluice.bench.papers;

import dev.sluice.bench.papers.DenseRun.LayerFigures;
import dev.sluice.bench.papers.DenseRun.Magnitudes;
import dev.sluice.bench.papers.DenseRun.SetFigures;
import dev.sluice.bench.papers.DenseRun.Share;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.CoactivationStats;
import dev.sluice.bundler.coactivation.Reuse;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Watches a dense sweep of all windows and figures out each layer as it ends, so that the bitsets of one layer are in memory at
 * a time: selections × tokens × neurons / 8 bytes. Blocks must be whole windows.
 */
final class DenseRunObserver implements LayerObserver {
  /** Neurons that fired less often have no co-activation worth the name (as in the reference). */
  private static final int FEWEST_FIRINGS = 64;

  // Reuse and new neurons are counted from the token that has the longest lag before it.
  private static final int FIRST_TOKEN = DenseRun.LAGS.getLast();

  // Below every threshold, that of the exact rule among them, which is 0.
  private static final float SILENT = -1;

  private final List<Selection> selections;
  private final List<dev.sluice.engine.ffn.Activity> rules;
  private final int setCount;
  private final int neurons;
  private final int words;
  private final int tokens;
  private final int threads;

  private final List<Magnitudes> magnitudes = new ArrayList<>();
  private final List<List<Double>> active = new ArrayList<>();
  private final List<List<LayerFigures>> figures = new ArrayList<>();
  private final List<double[]> reuseByWindow = new ArrayList<>();
  private final List<List<WindowFirings>> firings = new ArrayList<>();
  private MagnitudeHistogram histogram;
  private long[] counts;
  private long[][] rows;

  /**
   * @param selections whose active neurons are counted; of the first {@code setCount}, sets are looked at closely
   * @param rules the selections' thresholds
   * @param tokens whole windows
   * @param threads for counting pairs
   */
  DenseRunObserver(List<Selection> selections, List<dev.sluice.engine.ffn.Activity> rules,
      int setCount, int neurons, int tokens, int threads) {
    this.selections = List.copyOf(selections);
    this.rules = List.copyOf(rules);
    this.setCount = setCount;
    this.neurons = neurons;
    this.words = (neurons + 63) >>> 6;
    this.tokens = tokens;
    this.threads = threads;
    selections.forEach(_ -> active.add(new ArrayList<>()));
    for (int k = 0; k < setCount; k++) {
      figures.add(new ArrayList<>());
      firings.add(new ArrayList<>());
      reuseByWindow.add(new double[tokens / Effort.WINDOW_TOKENS]);
    }
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {
    histogram = new MagnitudeHistogram();
    counts = new long[selections.size()];
    rows = new long[setCount][Math.multiplyExact(tokens, words)];
  }

  @Override
  public void observe(Block block) {
    MagnitudeHistogram own = new MagnitudeHistogram();
    long[] found = new long[selections.size()];
    int layer = block.weights().layer();
    int first = block.sequence() * Effort.WINDOW_TOKENS + block.firstToken();
    int count = block.count();
    float[] output = new float[count];
    float[] gate = new float[count];
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < count; t++) {
        float h = block.outputs()[i * count + t];
        float magnitude = Math.abs(h) * block.columnNorms()[i];
        own.add(magnitude);
        output[t] = h == 0 ? SILENT : magnitude;
        gate[t] = h == 0 ? SILENT : Math.abs(block.inner()[i * count + t]);
      }
      for (int k = 0; k < found.length; k++) {
        float[] compared = rules.get(k).rule() == ActiveRule.GATE ? gate : output;
        float threshold = rules.get(k).thresholds()[layer];
        int active = 0;
        for (int t = 0; t < count; t++) {
          active += compared[t] >= threshold ? 1 : 0;
        }
        found[k] += active;
        if (k < setCount && active > 0) {
          mark(rows[k], first, i, compared, threshold);
        }
      }
    }
    synchronized (this) {
      histogram.add(own);
      for (int k = 0; k < found.length; k++) {
        counts[k] += found[k];
      }
    }
  }

  /** Rows belong to the tokens of one block, so to one thread. */
  private void mark(long[] bits, int firstToken, int neuron, float[] compared, float threshold) {
    for (int t = 0; t < compared.length; t++) {
      if (compared[t] >= threshold) {
        bits[(firstToken + t) * words + (neuron >>> 6)] |= 1L << neuron;
      }
    }
  }

  @Override
  public void layerEnds(int layer) {
    magnitudes.add(magnitudes());
    for (int k = 0; k < counts.length; k++) {
      active.get(k).add((double) counts[k] / tokens / neurons);
    }
    for (int k = 0; k < setCount; k++) {
      Activity sets = Activity.of(tokens, neurons, rows[k]);
      rows[k] = null;
      figures.get(k).add(figures(sets, rules.get(k).thresholds()[layer], layer));
      firings.get(k).add(WindowFirings.of(sets, Effort.WINDOW_TOKENS));
      double[] reuse = Reuse.atLagByWindow(sets, Effort.WINDOW_TOKENS, 1);
      for (int w = 0; w < reuse.length; w++) {
        reuseByWindow.get(k)[w] += reuse[w];
      }
    }
  }

  private Magnitudes magnitudes() {
    double mean = histogram.mean();
    return new Magnitudes(
        histogram.zeroShare(), mean,
        DenseRun.QUANTILES.stream().map(share -> histogram.quantile(share) / mean).toList(),
        DenseRun.TOPS.stream().map(histogram::sumShareOfTop).toList(),
        IntStream.range(DenseRun.LOWEST_OCTAVE, DenseRun.HIGHEST_OCTAVE)
            .mapToObj(octave -> histogram.octaveShare(mean, octave)).toList());
  }

  private LayerFigures figures(Activity sets, float threshold, int layer) {
    int window = Effort.WINDOW_TOKENS;
    Activity shuffled = sets.shuffledTokens(Effort.SEED);
    CoactivationStats pairs = CoactivationStats.count(sets, 1, threads);
    CoactivationStats apart =
        CoactivationStats.count(sets.independent(Effort.SEED + layer), 1, threads);
    return new LayerFigures(
        threshold,
        (double) sets.firings() / tokens / neurons,
        each(lag -> Reuse.atLag(sets, window, lag)),
        Reuse.ifIndependent(sets),
        each(lag -> Reuse.atLag(shuffled, window, lag)),
        each(lag -> Reuse.newShare(sets, window, lag, FIRST_TOKEN)),
        each(lag -> Reuse.newShareIfIndependent(sets, lag)),
        each(lag -> Reuse.newShare(shuffled, window, lag, FIRST_TOKEN)),
        pairs.gap(FEWEST_FIRINGS),
        pairs.gapIfIndependent(FEWEST_FIRINGS),
        apart.gap(FEWEST_FIRINGS));
  }

  private static List<Double> each(IntToDoubleFunction figure) {
    return DenseRun.LAGS.stream().map(lag -> figure.applyAsDouble(lag)).toList();
  }

  DenseRun result() {
    List<Share> shares = new ArrayList<>();
    List<SetFigures> sets = new ArrayList<>();
    for (int k = 0; k < selections.size(); k++) {
      shares.add(new Share(selections.get(k), active.get(k)));
      if (k < setCount) {
        int layers = figures.get(k).size();
        sets.add(new SetFigures(selections.get(k), figures.get(k),
            Arrays.stream(reuseByWindow.get(k)).mapToObj(sum -> sum / layers).toList(),
            firings.get(k)));
      }
    }
    return new DenseRun(magnitudes, shares, sets);
  }
}
