package dev.sluice.bench.papers;

import dev.sluice.bench.papers.ContextEffects.Inertia;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;

/**
 * What fires at the last token of histories × tokens sequences, the same tokens after each history; and how much of it two
 * sequences share. Blocks must be whole sequences.
 */
final class LastTokens implements LayerObserver {
  private final Activity activity;
  private final int histories;
  private final int tokens;
  private final int last;
  private final int neurons;
  private final long[][] active; // by sequence, of the layer under way
  private double sameToken;
  private double sameHistory;
  private double neither;
  private int layers; // ended

  /** @param last position of the last token */
  LastTokens(Activity activity, int histories, int tokens, int last, int neurons) {
    this.activity = activity;
    this.histories = histories;
    this.tokens = tokens;
    this.last = last;
    this.neurons = neurons;
    this.active = new long[histories * tokens][];
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {}

  @Override
  public void observe(Block block) {
    float threshold = activity.thresholds()[layers];
    long[] bits = new long[(neurons + 63) >>> 6];
    for (int i = 0; i < neurons; i++) {
      int at = i * block.count() + last;
      float h = block.outputs()[at];
      if (h != 0
          && activity.magnitude(block.inner()[at], h, block.columnNorms()[i]) >= threshold) {
        bits[i >>> 6] |= 1L << i;
      }
    }
    active[block.sequence()] = bits;
  }

  @Override
  public void layerEnds(int layer) {
    double token = 0;
    double history = 0;
    double none = 0;
    long tokenPairs = 0;
    long historyPairs = 0;
    long nonePairs = 0;
    for (int a = 0; a < active.length; a++) {
      for (int b = a + 1; b < active.length; b++) {
        double overlap = overlap(active[a], active[b]);
        if (a % tokens == b % tokens) {
          token += overlap;
          tokenPairs++;
        } else if (a / tokens == b / tokens) {
          history += overlap;
          historyPairs++;
        } else {
          none += overlap;
          nonePairs++;
        }
      }
    }
    sameToken += mean(token, tokenPairs);
    sameHistory += mean(history, historyPairs);
    neither += mean(none, nonePairs);
    layers++;
  }

  private static double mean(double sum, long count) {
    return count == 0 ? 0 : sum / count;
  }

  /** |A ∩ B| / |A ∪ B|; 1 where both are empty. */
  static double overlap(long[] a, long[] b) {
    long both = 0;
    long either = 0;
    for (int w = 0; w < a.length; w++) {
      both += Long.bitCount(a[w] & b[w]);
      either += Long.bitCount(a[w] | b[w]);
    }
    return either == 0 ? 1 : (double) both / either;
  }

  Inertia result() {
    if (histories < 2 || tokens < 2) {
      throw new IllegalStateException("one history or token has nothing to be compared with");
    }
    return new Inertia(sameToken / layers, sameHistory / layers, neither / layers);
  }
}
