package dev.sluice.storage.predictor;

import dev.sluice.storage.store.ModelSpec.Activation;

/** How large a neuron's magnitude can be when its pre-activations are known only up to an error. Pure arithmetic. */
public final class MagnitudeBound {
  // Where the smooth activations reach their minimum, and that minimum's absolute value.
  private static final float SILU_DIP_AT = -1.278_464_5f;
  private static final float SILU_DIP = 0.278_464_55f;
  private static final float GELU_DIP_AT = -0.751_791_6f;
  private static final float GELU_DIP = 0.170_040_7f;

  private MagnitudeBound() {}

  /** The largest |act(z)| over z in [low, high]. */
  public static float ofActivation(Activation activation, float low, float high) {
    return switch (activation) {
      case RELU -> Math.max(0, high);
      case RELU2 -> {
        float positive = Math.max(0, high);
        yield positive * positive;
      }
      case SILU -> dipped(silu(low), silu(high), low, high, SILU_DIP_AT, SILU_DIP);
      case GELU_TANH -> dipped(gelu(low), gelu(high), low, high, GELU_DIP_AT, GELU_DIP);
    };
  }

  private static float dipped(float atLow, float atHigh, float low, float high, float dipAt,
      float dip) {
    float ends = Math.max(Math.abs(atLow), Math.abs(atHigh));
    return low < dipAt && dipAt < high ? Math.max(ends, dip) : ends;
  }

  private static float silu(float z) {
    return (float) (z / (1 + Math.exp(-z)));
  }

  private static float gelu(float z) {
    return (float) (0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z))));
  }
}
