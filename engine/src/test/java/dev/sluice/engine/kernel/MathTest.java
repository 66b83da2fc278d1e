package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.store.ModelSpec.Activation;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The functions around the dot products: accuracy against java.lang.Math, equality of the twins to
 * the bit.
 */
final class MathTest {
  private static final Kernels VECTOR = new VectorKernels();

  static Stream<Kernels> kernels() {
    return Stream.of(Kernels.scalar(), VECTOR);
  }

  @Test
  void expIsWithinOneUlpOfTheTrueValue() {
    int step = 997; // in bits; about 2.2 million samples of each sign
    float[] x = new float[1 << 16];
    double worst = 0;
    int filled = 0;
    for (long bits = 0; bits < Float.floatToRawIntBits(88.7f); bits += step / 2) {
      float v = Float.intBitsToFloat((int) bits);
      x[filled++] = v;
      x[filled++] = Math.max(-v, -87.3f);
      if (filled == x.length) {
        worst = Math.max(worst, worstUlps(x));
        filled = 0;
      }
    }
    for (int i = 0; i < x.length; i++) {
      x[i] = -87.3f + i * (176f / x.length);
    }
    worst = Math.max(worst, worstUlps(x));
    assertTrue(worst < 1.0, "worst error " + worst + " ulp");
  }

  private static double worstUlps(float[] x) {
    float[] y = x.clone();
    VECTOR.exp(y, 0, y.length);
    double worst = 0;
    for (int i = 0; i < x.length; i++) {
      double exact = Math.exp(x[i]);
      worst = Math.max(worst, Math.abs(y[i] - exact) / Math.ulp((float) exact));
      assertEquals(Samples.bits(Exponential.exp(x[i])), Samples.bits(y[i]));
    }
    return worst;
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void expSaturatesAndKeepsNan(Kernels kernels) {
    float[] x = {
      Float.NEGATIVE_INFINITY, -1e30f, -104f, -103f, -100f, -0f, 0f, 88.72f, 88.73f, 1e30f,
      Float.POSITIVE_INFINITY, Float.NaN
    };
    kernels.exp(x, 0, x.length);
    float least = Float.MIN_VALUE;
    assertArrayEquals(
        new float[] {
          0, 0, 0, least, 27 * least, 1, 1, (float) Math.exp(88.72f), Float.POSITIVE_INFINITY,
          Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, Float.NaN
        },
        x,
        1e32f);
    assertEquals(least, x[3]);
    assertEquals(27 * least, x[4]);
    assertEquals(1f, x[5]);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void softmaxMatchesDoublePrecision(Kernels kernels) {
    Random random = new Random(7);
    for (int n = 1; n <= 300; n += n < 40 ? 1 : 13) {
      float[] x = new float[n + 3];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) random.nextGaussian() * 6;
      }
      if (n > 2) {
        x[3] = Float.NEGATIVE_INFINITY; // a masked position
      }
      double sum = 0;
      float most = Float.NEGATIVE_INFINITY;
      for (int i = 2; i < n + 2; i++) {
        sum += Math.exp(x[i]);
        most = Math.max(most, x[i]);
      }
      float[] y = x.clone();
      float logOfSum = kernels.softmax(y, 2, n);
      assertEquals(Math.log(sum), logOfSum, 4e-6);
      for (int i = 2; i < n + 2; i++) {
        double exact = Math.exp(x[i]) / sum;
        double distance = exact == 0 ? 0 : most - x[i]; // rounded once before the exponential
        assertEquals(exact, y[i], exact * (1e-6 + distance * 0x1p-24));
      }
      assertEquals(x[1], y[1]);
      assertEquals(x[n + 2], y[n + 2]);
    }
  }

  @Test
  void twinsGiveTheSameBits() {
    Random random = new Random(8);
    for (int n = 1; n <= 70; n++) {
      float[] x = Samples.floats(random, n + 1);
      for (int i = 0; i < x.length; i++) {
        x[i] *= random.nextInt(4) == 0 ? 60 : 3;
      }
      float[] a = x.clone();
      float[] b = x.clone();
      Kernels.scalar().exp(a, 1, n);
      VECTOR.exp(b, 1, n);
      assertArrayEquals(Samples.bits(a), Samples.bits(b));
      a = x.clone();
      b = x.clone();
      float scalar = Kernels.scalar().softmax(a, 1, n);
      float vector = VECTOR.softmax(b, 1, n);
      assertEquals(Samples.bits(scalar), Samples.bits(vector));
      assertArrayEquals(Samples.bits(a), Samples.bits(b));
    }
  }

  @ParameterizedTest
  @EnumSource(Activation.class)
  void activationsAreAccurateAndEqualSinglyAndInBatches(Activation activation) {
    float[] x = new float[4_003];
    for (int i = 0; i < x.length; i++) {
      x[i] = (i - 2_000) * 0.01f;
    }
    x[4_001] = -150f;
    x[4_002] = 1e6f;
    float[] vector = x.clone();
    float[] scalar = x.clone();
    VECTOR.activate(activation, vector, 0, x.length);
    Kernels.scalar().activate(activation, scalar, 0, x.length);
    assertArrayEquals(Samples.bits(scalar), Samples.bits(vector));
    for (int i = 0; i < x.length; i++) {
      assertEquals(Samples.bits(Activations.apply(activation, x[i])), Samples.bits(vector[i]));
      double z = x[i];
      double exact =
          switch (activation) {
            case RELU -> Math.max(z, 0);
            case RELU2 -> Math.max(z, 0) * Math.max(z, 0);
            case SILU -> z / (1 + Math.exp(-z));
            case GELU_TANH ->
                0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)));
          };
      assertEquals(exact, vector[i], 1e-6 * Math.max(Math.abs(exact), 0.01), "at " + z);
    }
  }

  @Test
  void compilationDoesNotChangeBits() {
    float[] x = Samples.floats(new Random(9), 67);
    int[] first = chain(x);
    for (int call = 0; call < 20_000; call++) {
      assertArrayEquals(first, chain(x));
    }
  }

  private static int[] chain(float[] x) {
    float[] y = x.clone();
    VECTOR.activate(Activation.SILU, y, 0, y.length);
    VECTOR.activate(Activation.GELU_TANH, y, 0, y.length);
    VECTOR.exp(y, 0, y.length);
    y[0] = VECTOR.softmax(y, 1, y.length - 1);
    return Samples.bits(y);
  }
}
