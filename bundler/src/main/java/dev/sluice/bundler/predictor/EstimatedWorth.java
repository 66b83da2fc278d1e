package dev.sluice.bundler.predictor;

import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import java.util.stream.IntStream;

/**
 * Scores that estimate pre-activations: each neuron's {@link ExpectedMagnitude} tabulated over the scores it takes,
 * relative to the threshold where there is one. Logarithms are interpolated.
 */
final class EstimatedWorth implements Worth {
  private static final int CELLS = 96;

  private final boolean dips;
  private final float[] lowest;
  private final float[] step;
  private final float[] table; // neurons × CELLS

  /**
   * @param scores neurons × positions of the held-out part
   * @param errors standard deviation of pre-activation less score, one per neuron
   */
  EstimatedWorth(LayerSamples samples, QuantisedFit.Target target, float threshold, float[] scores,
      int positions, float[] errors) {
    int neurons = samples.neurons();
    Activation activation = samples.spec().activation();
    dips = activation == Activation.SILU || activation == Activation.GELU_TANH;
    ExpectedMagnitude expected =
        new ExpectedMagnitude(activation, samples.spec().form() == FfnForm.GATED, target.rule(),
            threshold);
    double unit = threshold > 0 ? threshold : 1;
    lowest = new float[neurons];
    step = new float[neurons];
    table = new float[neurons * CELLS];
    IntStream.range(0, neurons).parallel().forEach(i -> {
      float low = Float.POSITIVE_INFINITY;
      float high = Float.NEGATIVE_INFINITY;
      for (int t = 0; t < positions; t++) {
        low = Math.min(low, scores[i * positions + t]);
        high = Math.max(high, scores[i * positions + t]);
      }
      float room = Math.max(high - low, 1e-6f);
      lowest[i] = low - 0.25f * room;
      step[i] = 2f * room / (CELLS - 1);
      float norm = Math.max(samples.columnNorm(i), 1e-20f);
      float partner = samples.partnerSpread(i);
      float error = Math.max(errors[i], 1e-4f * room);
      for (int cell = 0; cell < CELLS; cell++) {
        double worth = expected.of(lowest[i] + cell * step[i], error, norm, partner) / unit;
        table[i * CELLS + cell] = (float) Math.log(Math.max(worth, 1e-30));
      }
    });
  }

  @Override
  public float of(int neuron, float score) {
    float at = (score - lowest[neuron]) / step[neuron];
    int cell = Math.clamp((int) at, 0, CELLS - 2);
    float weight = Math.clamp(at - cell, 0, 1);
    float left = table[neuron * CELLS + cell];
    return left + weight * (table[neuron * CELLS + cell + 1] - left);
  }

  @Override
  public void cut(int neuron, float bar, Cut cut) {
    cut.clear();
    int cell = CELLS - 1;
    if (worth(neuron, cell) >= bar) {
      cell = bottom(neuron, cell, bar);
      cut.from = edge(neuron, cell, cell - 1, bar);
      cell--;
    }
    while (dips && cell >= 0 && worth(neuron, cell) < bar) {
      cell--;
    }
    if (dips && cell >= 0) {
      cut.dipTo = edge(neuron, cell, cell + 1, bar);
      cell = bottom(neuron, cell, bar);
      cut.dipFrom = edge(neuron, cell, cell - 1, bar);
    }
  }

  /** The lowest cell of the unbroken stretch at or above the bar that {@code cell} is in. */
  private int bottom(int neuron, int cell, float bar) {
    int lowestCell = cell;
    while (lowestCell > 0 && worth(neuron, lowestCell - 1) >= bar) {
      lowestCell--;
    }
    return lowestCell;
  }

  /** Where worth crosses the bar between a cell above it and a neighbour below it. */
  private float edge(int neuron, int above, int below, float bar) {
    if (below < 0) {
      return Float.NEGATIVE_INFINITY;
    }
    if (below >= CELLS) {
      return Float.POSITIVE_INFINITY;
    }
    float high = worth(neuron, above);
    float weight = (high - bar) / (high - worth(neuron, below));
    return lowest[neuron] + step[neuron] * (above + weight * (below - above));
  }

  private float worth(int neuron, int cell) {
    return table[neuron * CELLS + cell];
  }

  @Override
  public boolean hasDips() {
    return dips;
  }
}
