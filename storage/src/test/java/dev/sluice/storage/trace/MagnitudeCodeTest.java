package dev.sluice.storage.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MagnitudeCodeTest {
  @Test
  void everyCodeIsItsOwnNearest() {
    float before = 0;
    for (int code = 0; code <= 0xffff; code++) {
      float magnitude = MagnitudeCode.decode((short) code);
      assertTrue(magnitude > before, "codes sort as magnitudes do");
      assertEquals((short) code, MagnitudeCode.encode(magnitude));
      before = magnitude;
    }
    assertEquals(MagnitudeCode.SMALLEST, MagnitudeCode.decode((short) 0));
    assertEquals(MagnitudeCode.LARGEST, MagnitudeCode.decode((short) 0xffff));
  }

  @Test
  void relativeErrorStaysWithinTwoToTheMinusEleven() {
    SplittableRandom random = new SplittableRandom(1);
    int least = Float.floatToRawIntBits(MagnitudeCode.SMALLEST);
    int most = Float.floatToRawIntBits(MagnitudeCode.LARGEST);
    double worst = 0;
    for (int k = 0; k < 2_000_000; k++) {
      float magnitude = Float.intBitsToFloat(random.nextInt(least, most + 1));
      double error =
          Math.abs((double) MagnitudeCode.decode(MagnitudeCode.encode(magnitude)) - magnitude);
      worst = Math.max(worst, error / magnitude);
    }
    assertTrue(worst <= 0x1p-11, "worst " + worst);
    assertTrue(worst > 0x1p-11 * 0.9, "the property would notice a coarser code: " + worst);
  }

  @Test
  void tiesGoToTheEvenCode() {
    assertEquals(1f, MagnitudeCode.decode(MagnitudeCode.encode(1 + 0x1p-11f)));
    assertEquals(1 + 0x1p-9f, MagnitudeCode.decode(MagnitudeCode.encode(1 + 3 * 0x1p-11f)));
    assertEquals(2f, MagnitudeCode.decode(MagnitudeCode.encode(Math.nextDown(2f))));
  }

  @Test
  void whatLiesOutsideIsClamped() {
    for (float small : new float[] {0, -0f, Float.MIN_VALUE, 0x1p-41f, 0x1p-126f}) {
      assertEquals(MagnitudeCode.SMALLEST, MagnitudeCode.decode(MagnitudeCode.encode(small)));
    }
    for (float large : new float[] {0x1p24f, Float.MAX_VALUE, Float.POSITIVE_INFINITY}) {
      assertEquals(MagnitudeCode.LARGEST, MagnitudeCode.decode(MagnitudeCode.encode(large)));
    }
    assertThrows(IllegalArgumentException.class, () -> MagnitudeCode.encode(Float.NaN));
    assertThrows(IllegalArgumentException.class, () -> MagnitudeCode.encode(-1e-30f));
  }
}
