package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DitheredBlockTest {
  private static final float MOST = 1 - Dither.GRAIN;

  private static float[] values(Random random, int kind) {
    float[] values = new float[DitheredBlock.SIZE];
    float middle = switch (kind % 4) {
      case 0 -> 0;
      case 1 -> (float) random.nextGaussian();
      case 2 -> 100 * random.nextFloat();
      default -> -random.nextFloat() * 1e-3f;
    };
    float spread = (float) Math.scalb(random.nextDouble(), random.nextInt(24) - 20);
    for (int i = 0; i < values.length; i++) {
      values[i] = middle + spread * (float) (kind % 3 == 0 ? random.nextGaussian()
          : kind % 3 == 1 ? 0 : Math.rint(random.nextGaussian()));
    }
    return values;
  }

  /** Whatever the dither, the lowest and the highest value stay within the levels: {@code code} throws where one does not. */
  @ParameterizedTest
  @ValueSource(ints = {4, 5, 6, 8})
  void nothingClipsAndErrorsAreHalfAStepAtMost(int bits) {
    Random random = new Random(bits);
    boolean spareUsed = false;
    for (int trial = 0; trial < 20_000; trial++) {
      float[] values = values(random, trial);
      float low = values[0];
      float high = values[0];
      double largest = 0;
      for (float value : values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
        largest = Math.max(largest, Math.abs(value));
      }
      int base = DitheredBlock.baseFor(largest * (1 + random.nextInt(3)), bits);
      DitheredBlock block = DitheredBlock.fitting(low, high, base, bits);
      assertEquals(block, DitheredBlock.of(block.word(), base, bits));
      for (float value : values) {
        for (float dither : new float[] {0, MOST, 0.5f, random.nextInt(1 << 24) * Dither.GRAIN}) {
          int code = block.code(value, dither);
          assertTrue(code >= -(1 << (bits - 1)) && code < 1 << (bits - 1));
          spareUsed |= code == (1 << (bits - 1)) - 1;
          double error = value - block.level(code, dither);
          assertTrue(error >= -block.scale() / 2 && error < block.scale() / 2,
              () -> "error " + error + " of " + block);
        }
      }
    }
    assertTrue(spareUsed, "the highest level is there for the dither");
  }

  /** Over all dithers the error of any value takes every multiple of the grain once: that is what uniform means here. */
  @Test
  void errorsAreUniformWhateverTheValue() {
    Random random = new Random(3);
    for (int trial = 0; trial < 200; trial++) {
      DitheredBlock block = DitheredBlock.fitting(-1, 1, DitheredBlock.baseFor(1, 4), 4);
      float value = 2 * random.nextFloat() - 1;
      int[] seen = new int[64];
      for (int step = 0; step < 64 * 16; step++) {
        float dither = step / (64f * 16);
        double error = (value - block.level(block.code(value, dither), dither)) / block.scale();
        seen[(int) Math.floor((error + 0.5) * 64)]++;
      }
      for (int count : seen) {
        assertEquals(16, count);
      }
    }
  }

  /** Of values around 0: a notch of 1/32 for the scale, a step of 1/8 level for the offset, and no more. */
  @Test
  void scalesAreNoLargerThanTheyMustBe() {
    Random random = new Random(4);
    for (int trial = 0; trial < 1000; trial++) {
      float low = -0.3f - 0.7f * random.nextFloat();
      float high = 0.3f + 0.7f * random.nextFloat();
      DitheredBlock block = DitheredBlock.fitting(low, high, -12, 4);
      double needed = ((double) high - low) / 15;
      assertTrue(block.scale() < needed * (1 + 2 / 32.0) * (1 + 1 / 120.0),
          needed + " became " + block.scale());
    }
  }

  @Test
  void weightsBeyondAllScalesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> DitheredBlock.baseFor(1e20, 4));
    assertEquals(DitheredBlock.MIN_BASE, DitheredBlock.baseFor(0, 4));
    assertEquals(DitheredBlock.MIN_BASE, DitheredBlock.baseFor(1e-30, 4));
  }
}
