package dev.sluice.bundler.predictor;

import dev.sluice.storage.store.ModelSpec.Activation;

/** The non-linearities, one value at a time. Stateless; thread-safe. */
public final class ActivationFunction {
  private ActivationFunction() {}

  /** act(z). */
  public static float of(Activation activation, float z) {
    return switch (activation) {
      case RELU -> Math.max(0, z);
      case RELU2 -> Math.max(0, z) * Math.max(0, z);
      case SILU -> (float) (z / (1 + Math.exp(-z)));
      case GELU_TANH ->
          (float) (0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z))));
    };
  }
}
