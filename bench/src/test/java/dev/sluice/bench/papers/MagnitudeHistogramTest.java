package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MagnitudeHistogramTest {
  private static final double BIN = 1.0 / 32;

  @Test
  void handMade() {
    MagnitudeHistogram histogram = new MagnitudeHistogram();
    for (float magnitude : new float[] {0, 0, 0, 0, 1, 1, 2, 4, 8, 16}) {
      histogram.add(magnitude);
    }
    assertEquals(0.4, histogram.zeroShare());
    assertEquals(3.2, histogram.mean(), 1e-12);
    assertEquals(0, histogram.quantile(0.4));
    assertEquals(1, histogram.quantile(0.55), BIN);
    assertEquals(8, histogram.quantile(0.9), 8 * BIN);
    assertEquals(16 / 32.0, histogram.sumShareOfTop(0.1), 1e-12);
    assertEquals(24 / 32.0, histogram.sumShareOfTop(0.2), 1e-12);
    assertEquals((16 + 8 + 4 + 2 + 1) / 32.0, histogram.sumShareOfTop(0.5), 1e-12);
    assertEquals(1, histogram.sumShareOfTop(1), 1e-12);
    // Over 2: octave −1 holds both ones, octave 0 the two, octave 3 the sixteen.
    assertEquals(0.2, histogram.octaveShare(2, -1));
    assertEquals(0.1, histogram.octaveShare(2, 0));
    assertEquals(0.1, histogram.octaveShare(2, 3));
    assertEquals(0, histogram.octaveShare(2, 4));
  }

  @Test
  void agreesWithSortingEverything() {
    Random random = new Random(4);
    float[] all = new float[20_000];
    MagnitudeHistogram first = new MagnitudeHistogram();
    MagnitudeHistogram second = new MagnitudeHistogram();
    for (int i = 0; i < all.length; i++) {
      all[i] = random.nextInt(3) == 0 ? 0 : (float) Math.exp(2 * random.nextGaussian());
      (i % 2 == 0 ? first : second).add(all[i]);
    }
    first.add(second);
    Arrays.sort(all);
    double sum = 0;
    for (float each : all) {
      sum += each;
    }
    assertEquals(all.length, first.count());
    assertEquals(sum / all.length, first.mean(), 1e-9 * sum);
    for (double share : new double[] {0.5, 0.9, 0.99}) {
      double exact = all[(int) (share * all.length)];
      assertEquals(exact, first.quantile(share), 0.05 * exact, "quantile " + share);
      double top = 0;
      for (int i = (int) (share * all.length); i < all.length; i++) {
        top += all[i];
      }
      assertEquals(top / sum, first.sumShareOfTop(1 - share), 0.01, "top " + share);
    }
  }
}
