package dev.sluice.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Rotations by complex numbers, norms by their formulas in float64. */
class RopeTableTest {
  private static float[] random(int count) {
    Random random = new Random(count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void rotatesPairsHalfAHeadApartAndLeavesTheRest() {
    int headSize = 12;
    int rotated = 8;
    float[] x = random(2 + 3 * headSize);
    float[] before = x.clone();
    new RopeTable(new Rope(500, rotated, Scaling.NONE), new float[0]).rotate(x, 2, 3, headSize, 17);
    for (int head = 0; head < 3; head++) {
      for (int j = 0; j < headSize; j++) {
        int at = 2 + head * headSize + j;
        double expected = before[at];
        if (j < rotated) {
          int pair = j % (rotated / 2);
          double angle = 17 / Math.pow(500, 2.0 * pair / rotated);
          double real = before[2 + head * headSize + pair];
          double imaginary = before[2 + head * headSize + pair + rotated / 2];
          expected =
              j < rotated / 2
                  ? real * Math.cos(angle) - imaginary * Math.sin(angle)
                  : real * Math.sin(angle) + imaginary * Math.cos(angle);
        }
        assertEquals(expected, x[at], 1e-6, "head " + head + ", element " + j);
      }
    }
    assertEquals(before[0], x[0]);
  }

  @Test
  void linearScalingStretchesPositions() {
    Scaling linear = new Scaling(ScalingKind.LINEAR, 4, 0, 0, 0);
    float[] plain = random(32);
    float[] scaled = plain.clone();
    new RopeTable(new Rope(10_000, 32, Scaling.NONE), new float[0]).rotate(plain, 0, 1, 32, 3);
    new RopeTable(new Rope(10_000, 32, linear), new float[0]).rotate(scaled, 0, 1, 32, 12);
    assertArrayEquals(plain, scaled, 1e-6f);
  }

  @Test
  void llama3ScalingKeepsShortWavesAndStretchesLongOnes() {
    Scaling llama3 = new Scaling(ScalingKind.LLAMA3, 8, 1, 4, 64);
    float[] plain = random(64);
    float[] scaled = plain.clone();
    new RopeTable(new Rope(10_000, 64, Scaling.NONE), new float[0]).rotate(plain, 0, 1, 64, 5);
    new RopeTable(new Rope(10_000, 64, llama3), new float[0]).rotate(scaled, 0, 1, 64, 5);
    // Waves shorter than 64/4 positions are kept: 2π·10000^(2j/64) < 16 for j ≤ 3.
    for (int j = 0; j <= 3; j++) {
      assertEquals(plain[j], scaled[j]);
    }
    // Waves longer than 64 positions are stretched eightfold, as at an eighth of the position.
    float[] eighth = random(64);
    new RopeTable(new Rope(10_000, 64, new Scaling(ScalingKind.LINEAR, 8, 0, 0, 0)), new float[0])
        .rotate(eighth, 0, 1, 64, 5);
    for (int j = 9; j < 32; j++) {
      assertEquals(eighth[j], scaled[j], 1e-6);
    }
  }

  @Test
  void yarnKeepsShortWavesStretchesLongOnesAndScalesAll() {
    // 64 · ln(4096 / (32 · 2π)) / (2 · ln 10000) = 10.47 and the same with 1 for 32: 22.51, so the ramp is from 10 to 23.
    Scaling yarn = new Scaling(ScalingKind.YARN, 4, 1, 32, 4096, 1.25);
    RopeTable table = new RopeTable(new Rope(10_000, 64, yarn), new float[0]);
    float[] before = random(64);
    float[] x = before.clone();
    table.rotate(x, 0, 1, 64, 77);
    for (int j = 0; j < 32; j++) {
      double ramp = Math.clamp((j - 10) / 13.0, 0.0, 1.0);
      double frequency = Math.pow(10_000, -2.0 * j / 64) * (ramp / 4 + 1 - ramp);
      double cos = 1.25 * Math.cos(77 * frequency);
      double sin = 1.25 * Math.sin(77 * frequency);
      assertEquals(before[j] * cos - before[j + 32] * sin, x[j], 1e-6, "pair " + j);
      assertEquals(before[j] * sin + before[j + 32] * cos, x[j + 32], 1e-6, "pair " + j);
    }
  }

  @Test
  void factorsDivideFrequencies() {
    float[] twice = new float[16];
    Arrays.fill(twice, 2);
    float[] plain = random(32);
    float[] slowed = plain.clone();
    new RopeTable(new Rope(10_000, 32, Scaling.NONE), new float[0]).rotate(plain, 0, 1, 32, 300);
    new RopeTable(new Rope(10_000, 32, Scaling.NONE), twice).rotate(slowed, 0, 1, 32, 600);
    assertArrayEquals(plain, slowed, 1e-6f);
  }

  @Test
  void positionsComeInAnyOrderAndGiveTheSameBits() {
    Rope rope = new Rope(10_000, 16, Scaling.NONE);
    RopeTable shared = new RopeTable(rope, new float[0]);
    for (int position : new int[] {5_000, 3, 64, 63, 5_000, 131_071, 0}) {
      float[] one = random(16);
      float[] other = one.clone();
      shared.rotate(one, 0, 1, 16, position);
      new RopeTable(rope, new float[0]).rotate(other, 0, 1, 16, position);
      assertArrayEquals(other, one);
    }
    float[] still = random(16);
    new RopeTable(new Rope(0, 0, Scaling.NONE), new float[0]).rotate(still, 0, 1, 16, 9);
    assertArrayEquals(random(16), still);
  }

  @Test
  void norms() {
    int n = 40;
    float[] x = random(n + 3);
    float[] weight = random(n);
    float[] bias = random(n + 1);
    double mean = 0;
    double squares = 0;
    for (int i = 0; i < n; i++) {
      mean += x[3 + i] / (double) n;
      squares += x[3 + i] * (double) x[3 + i] / n;
    }
    float[] rms = new float[n];
    float[] layer = new float[n];
    new Norm(NormKind.RMS, 1e-3f, weight, new float[0]).apply(Kernels.best(), x, 3, rms, 0);
    new Norm(NormKind.LAYER, 1e-3f, weight, Arrays.copyOf(bias, n))
        .apply(Kernels.best(), x, 3, layer, 0);
    for (int i = 0; i < n; i++) {
      assertEquals(x[3 + i] * weight[i] / Math.sqrt(squares + 1e-3), rms[i], 1e-5);
      double centred = (x[3 + i] - mean) / Math.sqrt(squares - mean * mean + 1e-3);
      assertEquals(centred * weight[i] + bias[i], layer[i], 1e-5);
    }
  }
}
