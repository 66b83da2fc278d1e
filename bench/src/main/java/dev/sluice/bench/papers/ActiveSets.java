package dev.sluice.bench.papers;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sweep;
import java.util.ArrayList;
import java.util.List;

/** Keeps which neurons are active, of all layers of a short text: layers × tokens × neurons / 8 bytes. */
final class ActiveSets implements LayerObserver {
  private final int neurons;
  private final int words;
  private final int tokens;
  private final List<Activity> layers = new ArrayList<>();
  private long[] rows = {};

  ActiveSets(int neurons, int tokens) {
    this.neurons = neurons;
    this.words = (neurons + 63) >>> 6;
    this.tokens = tokens;
  }

  /** Layers in order. */
  List<Activity> layers() {
    return List.copyOf(layers);
  }

  @Override
  public boolean wantsColumnNorms() {
    return false;
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {
    rows = new long[Math.multiplyExact(tokens, words)];
  }

  /** Blocks hold different tokens, so each thread writes rows of its own. */
  @Override
  public void observe(Block block) {
    int first = block.sequence() * Effort.WINDOW_TOKENS + block.firstToken();
    int count = block.count();
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < count; t++) {
        if ((block.verdicts()[i * count + t] & Sweep.ACTIVE) != 0) {
          rows[(first + t) * words + (i >>> 6)] |= 1L << i;
        }
      }
    }
  }

  @Override
  public void layerEnds(int layer) {
    layers.add(Activity.of(tokens, neurons, rows));
  }
}
