package dev.sluice.engine.session;

import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.storage.store.Store;
import java.util.Arrays;

/** In which order bundles are pinned: asked once, at the first single token. Belongs to one session. */
public interface PinOrder {
  /** Watches the prompts that come before that token. */
  default LayerObserver promptObserver() {
    return LayerObserver.NONE;
  }

  /** All bundles as layer · feedForward + disk position; as many of the first as find room are pinned. */
  int[] bundles();

  /**
   * Bundles by what their neurons score, the highest first; of equals, the first on disk.
   *
   * @param scores layer × neuron, not negative
   */
  static int[] byScore(Store store, float[] scores) {
    int neurons = store.spec().feedForward();
    // Bits of floats that are not negative order as they do; turned over, the highest comes first.
    long[] keys = new long[scores.length];
    for (int layer = 0; layer < store.spec().layers(); layer++) {
      int[] order = store.order(layer);
      for (int p = 0; p < neurons; p++) {
        int bundle = layer * neurons + p;
        float score = scores[layer * neurons + order[p]] + 0f; // no negative zero
        keys[bundle] = (long) (Integer.MAX_VALUE - Float.floatToRawIntBits(score)) << 32 | bundle;
      }
    }
    Arrays.sort(keys);
    return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
  }
}
