package dev.sluice.engine.trace;

import dev.sluice.engine.ffn.DownColumns;
import dev.sluice.engine.ffn.LayerObserver.Block;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.model.FfnOutput;
import dev.sluice.engine.model.Model;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import java.util.Arrays;

/**
 * Measures CETT(ε) of one layer for all ε at once. For each token the neurons are sorted into bins of magnitude, and
 * their outputs are summed from the smallest bin up; after each bin the norm of the sum, over the norm of the whole, is one
 * point of that token's curve. Costs about one FFN pass a token. Bins are 1/32 octave wide.
 */
final class CettMeter {
  // A bin is the top 14 bits of a positive float: exponent and 5 bits of mantissa.
  private static final int BIN_SHIFT = 18;
  private static final int LOWEST_BIN = Float.floatToIntBits(0x1p-24f) >>> BIN_SHIFT;
  private static final int BINS = (Float.floatToIntBits(0x1p24f) >>> BIN_SHIFT) - LOWEST_BIN;

  private final Model model;
  private final ModelSpec spec;
  private final Kernels kernels;
  private final DownColumns[] columns;
  private final ActiveRule rule;

  CettMeter(Model model, ActiveRule rule) {
    this.model = model;
    this.spec = model.spec();
    this.kernels = model.kernels();
    this.columns = DownColumns.of(model);
    this.rule = rule;
  }

  ActiveRule rule() {
    return rule;
  }

  /** Per-token curves summed over tokens; mutable, merged in window order. */
  static final class Sums {
    private final double[] ratios = new double[BINS];
    private long tokens;
    private float largest;

    /** Adds another block's sums. */
    void add(Sums other) {
      for (int bin = 0; bin < BINS; bin++) {
        ratios[bin] += other.ratios[bin];
      }
      tokens += other.tokens;
      largest = Math.max(largest, other.largest);
    }

    /** The layer's curve. */
    CettCurve curve() {
      int from = 0;
      while (from < BINS && ratios[from] == 0) {
        from++;
      }
      int to = BINS;
      while (to > from + 1 && ratios[to - 2] == ratios[BINS - 1]) {
        to--;
      }
      float[] thresholds = new float[to - from];
      float[] cetts = new float[to - from];
      for (int bin = from; bin < to; bin++) {
        thresholds[bin - from] = Float.intBitsToFloat((bin + 1 + LOWEST_BIN) << BIN_SHIFT);
        cetts[bin - from] = (float) (ratios[bin] / tokens);
      }
      return new CettCurve(thresholds, cetts, largest);
    }
  }

  /** Sums of per-token curves over one block. */
  Sums measure(Block block) {
    int neurons = spec.feedForward();
    int hidden = spec.hidden();
    int count = block.count();
    DownColumns layer = columns[block.weights().layer()];
    float[] column = new float[hidden];
    FfnOutput output = model.ffnOutput(block.weights().layer());
    Sums sums = new Sums();
    float[] partial = new float[hidden];
    float[] norms = new float[BINS];
    int[] binOf = new int[neurons];
    int[] ends = new int[BINS + 1];
    int[] sorted = new int[neurons];
    for (int t = 0; t < count; t++) {
      sums.largest = Math.max(sums.largest, sort(block, t, binOf, ends, sorted));
      Arrays.fill(partial, 0);
      float norm = 0;
      int from = 0;
      for (int bin = 0; bin < BINS; bin++) {
        int to = ends[bin];
        if (to > from) {
          for (int k = from; k < to; k++) {
            int i = sorted[k];
            float h = block.outputs()[i * count + t] * output.columnScale(i);
            layer.addAlone(block.weights().memory(), block.weights().downOffsetBytes(i), i, h,
                partial, column);
          }
          norm = (float) Math.sqrt(kernels.sumOfSquares(partial, 0, hidden));
          from = to;
        }
        norms[bin] = norm;
      }
      if (norm > 0) {
        for (int bin = 0; bin < BINS; bin++) {
          sums.ratios[bin] += norms[bin] / (double) norm;
        }
      }
      sums.tokens++;
    }
    return sums;
  }

  /** Sorts neurons by bin; returns the largest magnitude. */
  private float sort(Block block, int t, int[] binOf, int[] ends, int[] sorted) {
    int neurons = spec.feedForward();
    int count = block.count();
    Arrays.fill(ends, 0);
    float largest = 0;
    for (int i = 0; i < neurons; i++) {
      int at = i * count + t;
      float h = block.outputs()[at];
      binOf[i] = -1;
      if (h != 0) {
        float magnitude =
            rule == ActiveRule.GATE ? Math.abs(block.inner()[at])
                : Math.abs(h) * block.columnNorms()[i];
        largest = Math.max(largest, magnitude);
        int bin = (Float.floatToIntBits(magnitude) >>> BIN_SHIFT) - LOWEST_BIN;
        binOf[i] = Math.clamp(bin, 0, BINS - 1);
        ends[binOf[i] + 1]++;
      }
    }
    for (int bin = 0; bin < BINS; bin++) {
      ends[bin + 1] += ends[bin];
    }
    // ends[bin] is now where the bin begins; filling moves it to where the bin ends.
    for (int i = 0; i < neurons; i++) {
      if (binOf[i] >= 0) {
        sorted[ends[binOf[i]]++] = i;
      }
    }
    return largest;
  }
}
