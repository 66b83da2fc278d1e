package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.papers.PairedBootstrap.Interval;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PairedBootstrapTest {
  @Test
  void quantilesByHand() {
    double[] sorted = {1, 2, 4, 8};
    assertEquals(1, PairedBootstrap.quantile(sorted, 0));
    assertEquals(2, PairedBootstrap.quantile(sorted, 1 / 3.0), 1e-12);
    assertEquals(3, PairedBootstrap.quantile(sorted, 0.5), 1e-12);
    assertEquals(8, PairedBootstrap.quantile(sorted, 1));
  }

  /** Two windows have the resamples aa, ab, ba, bb: means 0, 1/2, 1/2, 1 with chances 1/4, 1/2, 1/4. */
  @Test
  void twoWindows() {
    double[] values = {0, 1};
    Interval interval = new PairedBootstrap(2, 1_000, 5)
        .interval(sample -> PairedBootstrap.mean(values, sample));
    assertEquals(new Interval(0, 0.5, 1), interval);
    assertFalse(interval.isResolved());
  }

  @Test
  void ofManyWindowsItIsTheTextbookInterval() {
    Random random = new Random(3);
    double[] values = random.doubles(400).map(u -> 10 + 2 * u).toArray();
    Interval interval = new PairedBootstrap(400, 4_000, 1)
        .interval(sample -> PairedBootstrap.mean(values, sample));
    // The deviation of a uniform number over a width of 2, over √400, times 1.96 on each side.
    double half = 1.96 * 2 / Math.sqrt(12) / 20;
    assertEquals(interval.value() - half, interval.low(), 0.1 * half);
    assertEquals(interval.value() + half, interval.high(), 0.1 * half);
  }

  /** Windows differ far more than the two models do on each: unpaired, nothing could be told. */
  @Test
  void pairsWindows() {
    Random random = new Random(8);
    double[] first = random.doubles(50, 0, 100).toArray();
    double[] second = new double[50];
    for (int w = 0; w < 50; w++) {
      second[w] = first[w] + 0.1 + 0.01 * random.nextGaussian();
    }
    PairedBootstrap bootstrap = new PairedBootstrap(50, 1_000, 1);
    Interval difference = bootstrap.interval(
        s -> PairedBootstrap.mean(second, s) - PairedBootstrap.mean(first, s));
    assertTrue(difference.isResolved());
    assertEquals(0.1, difference.value(), 0.01);
    assertTrue(difference.high() - difference.low() < 0.01);
  }

  @Test
  void aFigureThatSomeResamplesDoNotHaveHasNoInterval() {
    Interval interval = new PairedBootstrap(5, 100, 1)
        .interval(sample -> sample[0] == 0 ? 1 : Double.NaN);
    assertEquals(new Interval(Double.NaN, 1, Double.NaN), interval);
    assertFalse(interval.isResolved());
  }
}
