package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;
import java.util.Optional;

/**
 * What a layer does with the outputs h of its neurons besides summing columns: a norm of h before (BitNet's sub-norm), the
 * bias of down and a norm of the sum after (Gemma). The norm of h needs the mean square over all neurons; those that are left
 * out count as zero, which with the exact rule is what they are. Immutable; thread-safe.
 */
public final class FfnOutput {
  private final Kernels kernels;
  private final int neurons;
  private final Optional<Norm> neuronNorm;
  private final float[] bias;
  private final Optional<Norm> norm;

  /**
   * @param neuronNorm root mean square over all neurons
   * @param bias one summand per element of the output, or empty
   * @param norm over the output with its bias
   */
  FfnOutput(Kernels kernels, int neurons, Optional<Norm> neuronNorm, float[] bias,
      Optional<Norm> norm) {
    this.kernels = kernels;
    this.neurons = neurons;
    this.neuronNorm = neuronNorm;
    this.bias = bias;
    this.norm = norm;
  }

  /** Whether h must go through {@link #factor} and {@link #normed} before its column is added. */
  public boolean normsNeurons() {
    return neuronNorm.isPresent();
  }

  /** The norm's common factor, from the sum of h² in ascending neuron order. */
  public float factor(double sumOfSquares) {
    return (float) (1 / Math.sqrt(sumOfSquares / neurons + neuronNorm.orElseThrow().epsilon()));
  }

  /** h of one neuron after the norm. */
  public float normed(int neuron, float h, float factor) {
    return h * factor * neuronNorm.orElseThrow().weight()[neuron];
  }

  /**
   * What the norm's weight makes of a neuron's column: magnitudes and partial sums of outputs count columns times this. 1
   * without a norm.
   */
  public float columnScale(int neuron) {
    return neuronNorm.isPresent() ? neuronNorm.get().weight()[neuron] : 1;
  }

  /**
   * Adds the output to a hidden state; one order of additions for blocks and single tokens.
   *
   * @param y the sum of columns, hidden elements; overwritten
   */
  public void add(float[] y, float[] x, int xOffset, int hidden) {
    for (int j = 0; j < bias.length; j++) {
      y[j] += bias[j];
    }
    if (norm.isPresent()) {
      norm.get().apply(kernels, y, 0, y, 0);
    }
    for (int j = 0; j < hidden; j++) {
      x[xOffset + j] += y[j];
    }
  }
}
