package dev.sluice.bench.synth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.coactivation.Activity;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The simulation that constants are fitted on, and the arithmetic under it. */
final class PlantingFitTest {
  @Test
  void normalDistributionIsThatOfTheTables() {
    assertEquals(0.5, Gaussian.below(0));
    assertEquals(0.975002104851780, Gaussian.below(1.96), 1e-12);
    assertEquals(0.001349898031630, Gaussian.below(-3), 1e-12);
    assertEquals(1.281551565544600, Gaussian.quantile(0.9), 1e-9);
    assertEquals(0.5, Gaussian.positiveMoment(0, 1, 2), 1e-6);
    assertEquals(1.5, Gaussian.positiveMoment(0, 1, 4), 1e-6);
    assertEquals(3 * 16 / 2.0, Gaussian.positiveMoment(0, 2, 4), 1e-4);
    assertEquals(0, Gaussian.positiveMoment(-30, 1, 2));
  }

  @Test
  void ratesHaveTheWantedMeanAndSkew() {
    Planting planting = PlantingFit.rates(0.1, 0.26, Profile.OPT_6_7B.planting());
    LayerPlan plan = LayerPlan.of(planting, 1 << 15, 5, 0);
    double[] rates = new double[plan.neurons()];
    double sum = 0;
    for (int i = 0; i < rates.length; i++) {
      rates[i] = Gaussian.below(-plan.thresholds()[i]);
      sum += rates[i];
    }
    assertEquals(0.1, sum / rates.length, 0.004);
    Arrays.sort(rates);
    double hottest = 0;
    for (int i = rates.length - (int) (0.26 * rates.length); i < rates.length; i++) {
      hottest += rates[i];
    }
    assertEquals(0.8, hottest / sum, 0.01);
  }

  @Test
  void neuronsFireAtTheRateOfTheirThreshold() {
    Planting planting = Profile.TWIN.planting();
    LayerPlan plan = LayerPlan.of(planting, 256, 3, 0);
    int[] tokens = new TokenLists(3, 100_000, 24).draw(1, 6000);
    Activity activity = new ActivitySimulation(planting, plan, 3).run(tokens);
    double expected = 0;
    double squares = 0;
    for (int i = 0; i < 256; i++) {
      double rate = Gaussian.below(-plan.thresholds()[i]);
      int fired = 0;
      for (int t = 0; t < tokens.length; t++) {
        fired += (int) (activity.word(t, i >>> 6) >>> i & 1);
      }
      expected += rate;
      squares += Math.pow((double) fired / tokens.length - rate, 2);
    }
    assertEquals(expected / 256, ActivityStatistics.activeShare(activity), 0.004);
    assertTrue(Math.sqrt(squares / 256) < 0.02, "deviation " + Math.sqrt(squares / 256));
  }

  @Test
  void hotNeuronsThatAreStaggeredLieApart() {
    Planting scattered = Profile.OPT_6_7B.planting().withStaggerShare(0);
    Planting staggered = scattered.withStaggerShare(1);
    assertEquals(0.25, hotNeighbours(scattered), 0.05);
    assertEquals(0, hotNeighbours(staggered));
  }

  /** Share of the neurons after one of the hottest quarter that are themselves of it. */
  private static double hotNeighbours(Planting planting) {
    float[] thresholds = LayerPlan.of(planting, 4096, 1, 0).thresholds();
    float[] sorted = thresholds.clone();
    Arrays.sort(sorted);
    float limit = sorted[1024];
    int neighbours = 0;
    for (int i = 0; i + 1 < thresholds.length; i++) {
      neighbours += thresholds[i] < limit && thresholds[i + 1] < limit ? 1 : 0;
    }
    return neighbours / 1024.0;
  }

  @Test
  void topicsLastAsLongAsAsked() {
    int[] tokens = new TokenLists(1, 128_000, 24).draw(1, 20_000);
    int changes = 0;
    for (int t = 1; t < tokens.length; t++) {
      changes += TokenLists.topic(tokens[t]) != TokenLists.topic(tokens[t - 1]) ? 1 : 0;
      assertTrue(tokens[t] >= 0 && tokens[t] < 127_999);
    }
    // One in 64 draws of a topic draws the same again.
    assertEquals(24 * 64 / 63.0, (double) tokens.length / changes, 3);
  }
}
