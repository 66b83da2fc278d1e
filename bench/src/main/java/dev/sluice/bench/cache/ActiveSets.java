package dev.sluice.bench.cache;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.OnePercentTargets;
import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceHeader;
import dev.sluice.storage.trace.TraceReader;

/**
 * The bundles that each token of a trace wants in each layer, by their position on disk. Of a dense trace those above the
 * store's thresholds at its 1 % target (or at CETT 0.1), and if it has none, all that fired; of a sparse one all that fired.
 * Immutable.
 */
final class ActiveSets {
  private static final double USUAL_CETT = 0.1;

  private final int layers;
  private final int bundles;
  private final long[][][] active; // token, layer, word

  private ActiveSets(int layers, int bundles, long[][][] active) {
    this.layers = layers;
    this.bundles = bundles;
    this.active = active;
  }

  /** Sets given as bitmaps, which belong to this then: token, layer, word. */
  static ActiveSets of(int bundles, long[][][] active) {
    return new ActiveSets(active[0].length, bundles, active);
  }

  /**
   * @param tokens the first of the trace; fewer if it has fewer
   * @throws BadInputException if the trace is of another model
   */
  static ActiveSets read(Store store, TraceReader trace, int tokens) {
    TraceHeader header = trace.header();
    int layers = store.spec().layers();
    int bundles = store.spec().feedForward();
    if (header.layers() != layers || header.neurons() != bundles) {
      throw new BadInputException("--trace", "is of another model than the store",
          "give a trace of the store's model");
    }
    float[] thresholds = thresholds(store, header);
    long[][][] active = new long[Math.min(tokens, header.tokens())][layers][(bundles + 63) >>> 6];
    TraceChunk chunk = null;
    for (int layer = 0; layer < layers; layer++) {
      int[] order = store.order(layer);
      for (int c = 0; c < header.chunksPerLayer()
          && header.firstToken(c) < active.length; c++) {
        chunk = trace.read(layer, c, chunk);
        int first = header.firstToken(c);
        for (int t = first; t < Math.min(active.length, first + chunk.tokens()); t++) {
          mark(chunk, t - first, thresholds[layer], order, active[t][layer]);
        }
      }
    }
    return new ActiveSets(layers, bundles, active);
  }

  private static float[] thresholds(Store store, TraceHeader header) {
    ActiveRule rule = ActiveRule.ofKey(header.rule());
    var curves = store.blob(StoreKeys.curve(rule));
    if (!header.activity().equals("dense") || curves.isEmpty()) {
      return new float[header.layers()];
    }
    double target = store.blob(StoreKeys.TARGETS)
        .map(json -> OnePercentTargets.decode(json).of(rule).orElse(USUAL_CETT))
        .orElse(USUAL_CETT);
    return CettCurve.thresholdsAt(CettCurve.decode(curves.get()), target);
  }

  private static void mark(TraceChunk chunk, int row, float threshold, int[] order, long[] bitmap) {
    for (int position = 0; position < order.length; position++) {
      int neuron = order[position];
      boolean fires = (chunk.masks()[row * chunk.words() + (neuron >>> 6)] >>> neuron & 1) != 0;
      if (fires && (threshold == 0 || chunk.magnitude(row, neuron) >= threshold)) {
        bitmap[position >>> 6] |= 1L << position;
      }
    }
  }

  int tokens() {
    return active.length;
  }

  int layers() {
    return layers;
  }

  /** Bundles of a layer. */
  int bundles() {
    return bundles;
  }

  /** A token's bitmap in one layer; not a copy. */
  long[] at(int token, int layer) {
    return active[token][layer];
  }

  /** Mean share of a layer's bundles. */
  double activeShare() {
    long count = 0;
    for (long[][] token : active) {
      for (long[] layer : token) {
        for (long word : layer) {
          count += Long.bitCount(word);
        }
      }
    }
    return (double) count / tokens() / layers / bundles;
  }
}
