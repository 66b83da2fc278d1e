package dev.sluice.bundler.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.quant.BlockFit.Levels;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Fitted blocks against exhaustive search, plain rounding, and blocks that integers hold exactly. */
class BlockFitTest {
  private static final long SEED = 26;

  /** ggml's own way: the extreme gets the last level, and nothing is searched. */
  private static double plainError(float[] x) {
    float extreme = 0;
    for (float value : x) {
      extreme = Math.abs(value) > Math.abs(extreme) ? value : extreme;
    }
    return errorAt(x, extreme / -8);
  }

  private static double errorAt(float[] x, float scale) {
    double error = 0;
    for (float value : x) {
      double q = Math.clamp(Math.rint(value / scale), -8, 7);
      error += (value - q * scale) * (value - q * scale);
    }
    return error;
  }

  @ParameterizedTest
  @CsvSource({"32,1.05", "128,1.05"})
  void signedNibblesComeNearTheBestScaleThereIs(int size, double atMost) {
    Random random = new Random(SEED);
    double fitted = 0;
    double plain = 0;
    double best = 0;
    for (int trial = 0; trial < 200; trial++) {
      BlockFit fit = new BlockFit(Levels.SIGNED_NIBBLES, size);
      float[] x = new float[size];
      float largest = 0;
      for (int i = 0; i < size; i++) {
        x[i] = (float) random.nextGaussian();
        largest = Math.max(largest, Math.abs(x[i]));
      }
      System.arraycopy(x, 0, fit.weights(), 0, size);
      double error = fit.fit(size);
      assertEquals(errorAt(x, fit.scale()), error, 1e-4 * error, "the error told is the error");
      double least = Double.MAX_VALUE;
      for (float scale = largest / 16; scale < largest / 5; scale *= 1.001f) {
        least = Math.min(least, Math.min(errorAt(x, scale), errorAt(x, -scale)));
      }
      fitted += error;
      plain += plainError(x);
      best += least;
    }
    assertTrue(fitted <= best * atMost, fitted + " against the best, " + best);
    assertTrue(fitted < 0.95 * plain, fitted + " against plain rounding's " + plain);
  }

  @ParameterizedTest
  @EnumSource(Levels.class)
  void whatLevelsHoldIsKeptExactly(Levels levels) {
    Random random = new Random(SEED);
    float scale = 0.125f;
    float min = levels == Levels.NIBBLES_AND_MINIMUM ? -0.5f : 0;
    BlockFit fit = new BlockFit(levels, 32);
    for (int i = 0; i < 32; i++) {
      int q = i == 0 ? levels.least : i == 1 ? levels.most
          : levels.least + random.nextInt(levels.most - levels.least + 1);
      fit.weights()[i] = scale * q + min;
    }
    float[] x = fit.weights().clone();
    assertEquals(0, fit.fit(32), 1e-12);
    for (int i = 0; i < 32; i++) {
      assertEquals(x[i], fit.scale() * fit.quants()[i] + fit.min());
    }
  }

  @Test
  void aMinimumHelpsBlocksThatLieOnOneSide() {
    Random random = new Random(SEED);
    BlockFit with = new BlockFit(Levels.NIBBLES_AND_MINIMUM, 32);
    BlockFit without = new BlockFit(Levels.SIGNED_NIBBLES, 32);
    for (int i = 0; i < 32; i++) {
      with.weights()[i] = without.weights()[i] = 3 + random.nextFloat();
    }
    assertTrue(with.fit(32) < 0.05 * without.fit(32));
  }

  @ParameterizedTest
  @EnumSource(Levels.class)
  void zerosAndTheEndOfALayerCostNothing(Levels levels) {
    BlockFit fit = new BlockFit(levels, 32);
    assertEquals(0, fit.fit(32));
    fit.weights()[0] = 1;
    fit.weights()[31] = 1e9f; // beyond the count: not a weight
    double error = fit.fit(1);
    assertTrue(error < 1e-4, levels + " " + error);
  }
}
