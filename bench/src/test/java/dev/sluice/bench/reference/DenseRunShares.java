package dev.sluice.bench.reference;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.session.Engine;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Counts, for several rules at once, what would be active in a dense run: the definition written out a second time, on the
 * outputs that a sweep shows.
 */
final class DenseRunShares implements LayerObserver {
  private static final int WINDOWS_PER_SWEEP = 64;

  private final ModelSpec spec;
  private final List<Activity> activities;
  private final long[][] active;
  private final long[] cells;

  DenseRunShares(ModelSpec spec, List<Activity> activities) {
    this.spec = spec;
    this.activities = activities;
    this.active = new long[activities.size()][spec.layers()];
    this.cells = new long[spec.layers()];
  }

  void measure(Engine engine, LayerStream layers, int[] tokens, int windowTokens) {
    Sweep sweep = engine.sweep(layers, windowTokens);
    int windows = tokens.length / windowTokens;
    for (int from = 0; from < windows; from += WINDOWS_PER_SWEEP) {
      List<Sequence> sequences = new ArrayList<>();
      for (int w = from; w < Math.min(windows, from + WINDOWS_PER_SWEEP); w++) {
        sequences.add(
            sweep.window(Arrays.copyOfRange(tokens, w * windowTokens, (w + 1) * windowTokens)));
      }
      sweep.run(sequences, engine.activity(), engine.blockPredictor(), this);
    }
  }

  /** Share of neurons that rule {@code k} holds active. */
  double share(int k, int layer) {
    return (double) active[k][layer] / cells[layer];
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {}

  @Override
  public void observe(Block block) {
    int layer = block.weights().layer();
    long[] found = new long[activities.size()];
    for (int k = 0; k < found.length; k++) {
      Activity activity = activities.get(k);
      float threshold = activity.thresholds()[layer];
      for (int i = 0; i < spec.feedForward(); i++) {
        float norm = block.columnNorms()[i];
        for (int at = i * block.count(); at < (i + 1) * block.count(); at++) {
          float h = block.outputs()[at];
          float magnitude =
              activity.rule() == ActiveRule.GATE ? Math.abs(block.inner()[at]) : Math.abs(h) * norm;
          if (h != 0 && magnitude >= threshold) {
            found[k]++;
          }
        }
      }
    }
    synchronized (this) {
      for (int k = 0; k < found.length; k++) {
        active[k][layer] += found[k];
      }
      cells[layer] += (long) spec.feedForward() * block.count();
    }
  }

  @Override
  public void layerEnds(int layer) {}
}
