package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.store.ModelSpec.NormKind;

/**
 * RMSNorm or LayerNorm over as many elements as it has weights. Immutable; thread-safe.
 *
 * @param weight one factor per element
 * @param bias one summand per element, or empty
 */
record Norm(NormKind kind, float epsilon, float[] weight, float[] bias) {

  /** Target and source may be the same place. */
  void apply(Kernels kernels, float[] x, int xOffset, float[] y, int yOffset) {
    int n = weight.length;
    float mean = 0;
    if (kind == NormKind.LAYER) {
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += x[xOffset + i];
      }
      mean = (float) (sum / n);
    }
    for (int i = 0; i < n; i++) {
      y[yOffset + i] = x[xOffset + i] - mean;
    }
    float meanSquare = kernels.sumOfSquares(y, yOffset, n) / n;
    float factor = (float) (1 / Math.sqrt(meanSquare + epsilon));
    for (int i = 0; i < n; i++) {
      y[yOffset + i] = y[yOffset + i] * factor * weight[i];
    }
    for (int i = 0; i < bias.length; i++) {
      y[yOffset + i] += bias[i];
    }
  }

  /** Applies it in place to {@code times} consecutive stretches, such as the heads of a query. */
  void applyEach(Kernels kernels, float[] x, int offset, int times) {
    for (int i = 0; i < times; i++) {
      int at = offset + i * weight.length;
      apply(kernels, x, at, x, at);
    }
  }
}
