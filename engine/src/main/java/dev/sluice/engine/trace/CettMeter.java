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
 * point of that token's curve. Costs about one FFN pass a token. Bins are 1/1024 octave wide, since a density may be steep
 * inside a wider one: |SiLU| turns at 0.2785.
 */
final class CettMeter {
  // A bin is the top 19 bits of a positive float: exponent and 10 bits of mantissa.
  private static final int BIN_SHIFT = 13;
  private static final int LOWEST_BIN = Float.floatToIntBits(0x1p-24f) >>> BIN_SHIFT;
  private static final int BINS = (Float.floatToIntBits(0x1p24f) >>> BIN_SHIFT) - LOWEST_BIN;

  /** Below this CETT, where no target lies, a curve keeps one point of so many. */
  private static final float FINE_FROM = 0.001f;

  private static final int COARSE_BINS = 32;

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
    private final double[] rises = new double[BINS]; // of the sum of curves, in each bin
    private long tokens;
    private float largest;

    /** Adds another block's sums. */
    void add(Sums other) {
      for (int bin = 0; bin < BINS; bin++) {
        rises[bin] += other.rises[bin];
      }
      tokens += other.tokens;
      largest = Math.max(largest, other.largest);
    }

    /** The layer's curve. */
    CettCurve curve() {
      int to = BINS;
      while (to > 0 && rises[to - 1] == 0) {
        to--;
      }
      float[] thresholds = new float[to];
      float[] cetts = new float[to];
      int points = 0;
      double sum = 0;
      for (int bin = 0; bin < to; bin++) {
        sum += rises[bin];
        float cett = (float) (Math.max(0, sum) / tokens);
        boolean kept = cett >= FINE_FROM || (bin + 1) % COARSE_BINS == 0 || bin + 1 == to;
        if (kept && cett > 0) {
          thresholds[points] = Float.intBitsToFloat((bin + 1 + LOWEST_BIN) << BIN_SHIFT);
          cetts[points++] = cett;
        }
      }
      return new CettCurve(Arrays.copyOf(thresholds, points), Arrays.copyOf(cetts, points),
          largest);
    }
  }

  /** Sums of per-token curves over one block. */
  Sums measure(Block block) {
    int hidden = spec.hidden();
    int count = block.count();
    DownColumns layer = columns[block.weights().layer()];
    float[] column = new float[hidden];
    FfnOutput output = model.ffnOutput(block.weights().layer());
    Sums sums = new Sums();
    float[] partial = new float[hidden];
    long[] sorted = new long[spec.feedForward()];
    int[] bins = new int[spec.feedForward()];
    float[] norms = new float[spec.feedForward()];
    for (int t = 0; t < count; t++) {
      int firing = sort(block, t, sorted, sums);
      Arrays.fill(partial, 0);
      int used = 0;
      for (int k = 0; k < firing; k++) {
        int i = (int) sorted[k];
        float h = block.outputs()[i * count + t] * output.columnScale(i);
        layer.addAlone(block.weights().memory(), block.weights().downOffsetBytes(i), i, h,
            partial, column);
        int bin = (int) (sorted[k] >>> Integer.SIZE);
        if (k + 1 == firing || sorted[k + 1] >>> Integer.SIZE != bin) {
          bins[used] = bin;
          norms[used++] = (float) Math.sqrt(kernels.sumOfSquares(partial, 0, hidden));
        }
      }
      double whole = used == 0 ? 0 : norms[used - 1];
      double before = 0;
      for (int k = 0; k < used && whole > 0; k++) {
        double ratio = norms[k] / whole;
        sums.rises[bins[k]] += ratio - before;
        before = ratio;
      }
      sums.tokens++;
    }
    return sums;
  }

  /** Sorts the neurons of a token that fire by bin, then number: bin · 2³² + neuron. Returns how many they are. */
  private int sort(Block block, int t, long[] sorted, Sums sums) {
    int neurons = spec.feedForward();
    int count = block.count();
    int firing = 0;
    for (int i = 0; i < neurons; i++) {
      int at = i * count + t;
      float h = block.outputs()[at];
      if (h != 0) {
        float magnitude =
            rule == ActiveRule.GATE ? Math.abs(block.inner()[at])
                : Math.abs(h) * block.columnNorms()[i];
        sums.largest = Math.max(sums.largest, magnitude);
        int bin = (Float.floatToIntBits(magnitude) >>> BIN_SHIFT) - LOWEST_BIN;
        sorted[firing++] = (long) Math.clamp(bin, 0, BINS - 1) << Integer.SIZE | i;
      }
    }
    Arrays.sort(sorted, 0, firing);
    return firing;
  }
}
