package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.store.ModelSpec.Activation;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The bound against a dense sampling of the interval with activations written out anew in float64. */
class MagnitudeBoundTest {
  private static final int SAMPLES = 4000;

  // Far out on the tails 1 + tanh cancels to nothing but rounding.
  private static final double TAIL = 1e-9;

  static double activate(Activation activation, double z) {
    return switch (activation) {
      case RELU -> Math.max(0, z);
      case RELU2 -> Math.pow(Math.max(0, z), 2);
      case SILU -> z / (1 + Math.exp(-z));
      case GELU_TANH ->
          z * 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * Math.pow(z, 3))));
    };
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void noPointOfAnIntervalExceedsItAndSomePointReachesIt(Activation activation) {
    Random random = new Random(5);
    for (int trial = 0; trial < 1000; trial++) {
      double scale = Math.pow(10, random.nextInt(4) - 2);
      float a = (float) (random.nextGaussian() * scale);
      float b = (float) (random.nextGaussian() * scale);
      float low = Math.min(a, b);
      float high = Math.max(a, b);
      double largest = 0;
      for (int k = 0; k <= SAMPLES; k++) {
        double z = low + (high - (double) low) * k / SAMPLES;
        largest = Math.max(largest, Math.abs(activate(activation, z)));
      }
      float bound = MagnitudeBound.ofActivation(activation, low, high);
      String where = activation + " over [" + low + ", " + high + "]";
      assertTrue(largest <= bound * (1 + 1e-6) + TAIL, where + ": " + largest + " > " + bound);
      assertTrue(largest >= bound * 0.99 - TAIL,
          where + ": a loose bound " + bound + " for " + largest);
    }
  }

  @Test
  void theDipsOfSmoothActivationsCount() {
    assertEquals(0.27846, MagnitudeBound.ofActivation(Activation.SILU, -3, 0), 1e-5);
    assertEquals(0.17004, MagnitudeBound.ofActivation(Activation.GELU_TANH, -3, 0), 1e-5);
    assertEquals(0, MagnitudeBound.ofActivation(Activation.RELU2, -3, 0));
    assertEquals(9, MagnitudeBound.ofActivation(Activation.RELU2, -5, 3));
  }
}
