package dev.sluice.storage.threshold;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CettCurveTest {
  /** CETT = ε / 8 at powers of two; the largest magnitude makes the grid 2^-8 wide. */
  private static CettCurve straight() {
    return new CettCurve(new float[] {1, 2, 4, 8}, new float[] {0.125f, 0.25f, 0.5f, 1}, 256);
  }

  @Test
  void readsPointsAndBetweenThemByTheLogarithm() {
    assertEquals(1, straight().thresholdAt(0.125), 1.0 / 256);
    assertEquals(4, straight().thresholdAt(0.5), 1.0 / 256);
    // Half of the way in CETT from 2 to 4 is half of the way in log ε.
    assertEquals(2 * Math.sqrt(2), straight().thresholdAt(0.375), 1.0 / 256);
    assertEquals(8, straight().thresholdAt(5));
    assertEquals(0, straight().thresholdAt(0.1249));
    assertEquals(0, straight().thresholdAt(0));
    assertEquals(0, straight().thresholdAt(-1));
  }

  @Test
  void thresholdsGrowWithTheTargetAndErrTowardsKeepingNeurons() {
    Random random = new Random(3);
    for (int trial = 0; trial < 200; trial++) {
      CettCurve curve = random(random);
      float before = 0;
      for (double target = 0; target < 1.2; target += 0.003) {
        float threshold = curve.thresholdAt(target);
        assertTrue(threshold >= before, "threshold falls at " + target);
        before = threshold;
      }
    }
    CettCurve coarse = new CettCurve(new float[] {1, 2}, new float[] {0.1f, 0.3f}, 65_536);
    assertEquals(1, coarse.thresholdAt(0.2), "rounded down to a multiple of 65,536 / 2^16");
  }

  private static CettCurve random(Random random) {
    int points = random.nextInt(40);
    float[] thresholds = new float[points];
    float[] cetts = new float[points];
    float at = 0;
    float cett = 0;
    for (int i = 0; i < points; i++) {
      at += 0.001f + random.nextFloat();
      cett += random.nextInt(3) == 0 ? 0 : random.nextFloat() / 20;
      thresholds[i] = at;
      cetts[i] = cett;
    }
    return new CettCurve(thresholds, cetts, at * 2);
  }

  @Test
  void roundTripKeepsEveryThreshold() {
    Random random = new Random(4);
    List<CettCurve> curves = List.of(random(random), random(random), random(random), straight());
    List<CettCurve> back = CettCurve.decode(CettCurve.encode(curves));
    for (double target : new double[] {0.01, 0.05, 0.1, 0.2, 0.5}) {
      assertArrayEquals(
          CettCurve.thresholdsAt(curves, target), CettCurve.thresholdsAt(back, target));
    }
    assertArrayEquals(CettCurve.encode(curves), CettCurve.encode(back));
    assertEquals(0, CettCurve.decode(CettCurve.encode(List.of())).size());
  }

  @Test
  void damagedBytesAreRefusedOrGiveUsableThresholds() {
    Random random = new Random(5);
    byte[] good = CettCurve.encode(List.of(random(random), straight(), random(random)));
    int refused = 0;
    for (int trial = 0; trial < 20_000; trial++) {
      byte[] bytes = good.clone();
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      if (random.nextInt(4) == 0) {
        bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 9));
      }
      try {
        for (float threshold : CettCurve.thresholdsAt(CettCurve.decode(bytes), 0.1)) {
          assertTrue(threshold >= 0 && Float.isFinite(threshold), "threshold " + threshold);
        }
      } catch (IllegalArgumentException e) {
        refused++;
      }
    }
    assertTrue(refused > 5000, "only " + refused + " refused");
  }

  @Test
  void refusesWhatIsNoCurve() {
    float[] two = {1, 2};
    assertThrows(
        IllegalArgumentException.class, () -> new CettCurve(two, new float[] {0.1f}, 2));
    assertThrows(
        IllegalArgumentException.class, () -> new CettCurve(new float[] {2, 1}, two, 2));
    assertThrows(
        IllegalArgumentException.class, () -> new CettCurve(new float[] {0, 1}, two, 2));
    assertThrows(
        IllegalArgumentException.class, () -> new CettCurve(two, new float[] {-0.1f, 0.2f}, 2));
    assertThrows(
        IllegalArgumentException.class, () -> new CettCurve(two, new float[] {0, Float.NaN}, 2));
    assertThrows(IllegalArgumentException.class, () -> new CettCurve(two, two, Float.NaN));
    assertThrows(
        IllegalArgumentException.class, () -> new CettCurve(two, two, Float.POSITIVE_INFINITY));
  }

  @Test
  void aDipFromRoundingIsLevelled() {
    CettCurve curve = new CettCurve(new float[] {1, 2, 4}, new float[] {0.25f, 0.24f, 0.5f}, 4);
    assertEquals(2, curve.thresholdAt(0.25), 4.0 / 65_536);
    assertEquals(0, curve.thresholdAt(0.245));
  }
}
