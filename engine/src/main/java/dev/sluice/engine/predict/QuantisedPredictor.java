package dev.sluice.engine.predict;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.predictor.QuantisedCopy;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;

/**
 * A resident low-bit copy of up (ungated) or of gate and up (gated) with calibrated margins: a neuron is named when its
 * magnitude, given the copy's error, could reach the threshold. See {@link QuantisedCopy}.
 */
public final class QuantisedPredictor implements ActivePredictor {
  private static final int TILE_NEURONS = 32;
  private static final float[] NO_MAGNITUDES = {};

  private final QuantisedCopy copy;
  private final Kernels kernels;
  private final ActiveRule rule;
  private final float[] thresholds;
  private final float[] kappas;
  private final float[][] columnNorms;
  private final float[][][] biases;

  /**
   * @param thresholds ε per layer
   * @param kappas margins per layer, in standard deviations of the copy's error
   * @param columnNorms layer × neuron
   * @param biases per layer: gate, up; empty arrays when the model has none
   */
  public QuantisedPredictor(
      QuantisedCopy copy, Kernels kernels, ActiveRule rule, float[] thresholds, float[] kappas,
      float[][] columnNorms,
      float[][][] biases) {
    this.copy = copy;
    this.kernels = kernels;
    this.rule = rule;
    this.thresholds = thresholds.clone();
    this.kappas = kappas.clone();
    this.columnNorms = columnNorms;
    this.biases = biases;
  }

  @Override
  public String name() {
    return "quantised-" + copy.bits();
  }

  @Override
  public long residentBytes() {
    return copy.residentBytes(rule);
  }

  int neurons() {
    return copy.inner(0).rows();
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    predict(layer, normed, offset, count, predicted, NO_MAGNITUDES, scratch);
  }

  /**
   * Predicts for one position, and says what each neuron is worth by the copy.
   *
   * @param magnitudes receives |h|·‖column‖ as the copy has it; by the gate rule, which leaves up unknown, |act(gate)|·‖column‖
   */
  void predict(int layer, float[] normed, int offset, byte[] predicted, float[] magnitudes,
      PredictorScratch scratch) {
    predict(layer, normed, offset, 1, predicted, magnitudes, scratch);
  }

  private void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
      float[] magnitudes, PredictorScratch scratch) {
    PackedRows inner = copy.inner(layer);
    boolean second = copy.planesFor(rule) == 2;
    PackedRows up = second ? copy.up(layer) : inner;
    int hidden = inner.cols();
    float[] xs = scratch.arranged(count * hidden);
    float[] norms = scratch.norms(count);
    for (int t = 0; t < count; t++) {
      kernels.arrange(TensorType.F16, normed, offset + t * hidden, xs, t * hidden, hidden);
    }
    for (int t = 0; t < count; t++) {
      norms[t] =
          kappas[layer] * (float) Math
              .sqrt(kernels.sumOfSquares(normed, offset + t * hidden, hidden) / hidden);
    }
    float[] wide = scratch.rows(TILE_NEURONS * hidden);
    float[] innerDots = scratch.inner(TILE_NEURONS * count);
    float[] upDots = scratch.up(TILE_NEURONS * count);
    float[] innerBias = biases[layer][biasOf(second)];
    float[] upBias = biases[layer][1];
    for (int from = 0; from < inner.rows(); from += TILE_NEURONS) {
      int some = Math.min(TILE_NEURONS, inner.rows() - from);
      dots(inner, from, some, xs, count, wide, innerDots);
      if (second) {
        dots(up, from, some, xs, count, wide, upDots);
      }
      for (int i = 0; i < some; i++) {
        int neuron = from + i;
        float innerError = inner.errorNorm(neuron);
        float upError = up.errorNorm(neuron);
        float addInner = innerBias.length == 0 ? 0 : innerBias[neuron];
        float addUp = upBias.length == 0 ? 0 : upBias[neuron];
        for (int t = 0; t < count; t++) {
          boolean may =
              copy.mayBeActive(
                  rule,
                  innerDots[i * count + t] + addInner,
                  norms[t] * innerError,
                  upDots[i * count + t] + addUp,
                  norms[t] * upError,
                  columnNorms[layer][neuron],
                  thresholds[layer]);
          predicted[neuron * count + t] = (byte) (may ? 1 : 0);
          if (magnitudes.length > 0) {
            magnitudes[neuron * count + t] = copy.magnitude(
                innerDots[i * count + t] + addInner,
                second ? upDots[i * count + t] + addUp : 1, columnNorms[layer][neuron]);
          }
        }
      }
    }
  }

  private int biasOf(boolean second) {
    return second || rule == ActiveRule.GATE ? 0 : 1;
  }

  private void dots(PackedRows rows, int from, int some, float[] xs, int count, float[] wide,
      float[] out) {
    int hidden = rows.cols();
    for (int i = 0; i < some; i++) {
      kernels.unpack(rows, from + i, wide, i * hidden);
    }
    kernels.dotTile(wide, 0, some, xs, 0, count, out, 0, count, hidden);
  }
}
