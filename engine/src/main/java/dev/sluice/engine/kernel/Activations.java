package dev.sluice.engine.kernel;

import dev.sluice.storage.store.ModelSpec.Activation;
import java.util.Objects;

/**
 * The FFN's non-linearities. One element at a time and in batches (also {@link Kernels#activate})
 * they give the same bits. Thread-safe.
 */
public final class Activations {
  /**
   * 2·√(2/π), of the tanh form of GELU (Hendrycks and Gimpel 2016): ½z(1 + tanh u) = z / (1 +
   * e^(−2u)).
   */
  static final float GELU_SLOPE = 1.5957691216f;

  static final float GELU_CUBIC = 0.044715f;

  private Activations() {}

  /** The activation of one element. */
  public static float apply(Activation activation, float z) {
    return switch (activation) {
      case RELU -> Math.max(z, 0f);
      case RELU2 -> square(Math.max(z, 0f));
      case SILU -> z / (1f + Exponential.exp(-z));
      case GELU_TANH ->
          z / (1f + Exponential.exp(-(GELU_SLOPE * z * Math.fma(GELU_CUBIC, z * z, 1f))));
    };
  }

  /** The activation of n elements in place, without vectors. */
  public static void apply(Activation activation, float[] x, int offset, int n) {
    Objects.checkFromIndexSize(offset, n, x.length);
    for (int i = offset; i < offset + n; i++) {
      x[i] = apply(activation, x[i]);
    }
  }

  private static float square(float z) {
    return z * z;
  }
}
