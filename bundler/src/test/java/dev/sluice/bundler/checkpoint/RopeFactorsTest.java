package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RopeFactorsTest {
  /** Published models (Llama 3.1, 3.2), and others that have the rule's freedom. */
  @ParameterizedTest
  @CsvSource({
    "8, 4, 8192, 500000, 128", "32, 4, 8192, 500000, 64", "8, 4, 64, 500000, 16",
    "16, 8, 4096, 10000, 128", "4, 2, 8192, 1000000, 128"
  })
  void theScalingIsFoundInItsDivisors(
      double factor, double high, int context, double theta, int rotatedSize) {
    Scaling scaling = new Scaling(ScalingKind.LLAMA3, factor, 1, high, context);
    assertEquals(
        Optional.of(scaling),
        RopeFactors.llama3(divisors(scaling, theta, rotatedSize), theta, rotatedSize));
  }

  @Test
  void divisorsOfAnotherRuleAreNot() {
    Scaling scaling = new Scaling(ScalingKind.LLAMA3, 8, 1, 4, 8192);
    float[] divisors = divisors(scaling, 500000, 128);
    assertEquals(Optional.empty(), RopeFactors.llama3(divisors, 10000, 128));
    for (float wrong : new float[] {0.5f, Float.NaN, Float.POSITIVE_INFINITY, 3}) {
      float[] changed = divisors.clone();
      changed[5] = wrong;
      assertEquals(Optional.empty(), RopeFactors.llama3(changed, 500000, 128));
    }
    float[] none = {1, 1, 1, 1};
    assertEquals(Optional.of(Scaling.NONE), RopeFactors.llama3(none, 500000, 8));
  }

  private static float[] divisors(Scaling scaling, double theta, int rotatedSize) {
    float[] divisors = new float[rotatedSize / 2];
    for (int j = 0; j < divisors.length; j++) {
      double wavelength = 2 * Math.PI * Math.pow(theta, 2.0 * j / rotatedSize);
      double context = scaling.originalContext();
      double smooth = (context / wavelength - 1) / (scaling.highFrequencyFactor() - 1);
      divisors[j] =
          wavelength < context / scaling.highFrequencyFactor() ? 1
              : wavelength > context ? (float) scaling.factor()
              : (float) (1 / ((1 - smooth) / scaling.factor() + smooth));
    }
    return divisors;
  }
}
