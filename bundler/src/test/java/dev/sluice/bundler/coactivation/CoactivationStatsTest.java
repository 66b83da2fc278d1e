package dev.sluice.bundler.coactivation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.coactivation.Partners.Extent;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;

class CoactivationStatsTest {
  private static boolean fires(Activity activity, int token, int neuron) {
    return (activity.word(token, neuron / 64) >>> neuron & 1) == 1;
  }

  /** Counts one pair the slow way, token by token. */
  private static int together(Activity activity, int a, int b) {
    int count = 0;
    for (int t = 0; t < activity.tokens(); t++) {
      count += fires(activity, t, a) && fires(activity, t, b) ? 1 : 0;
    }
    return count;
  }

  @Test
  void handMadeCounts() {
    Activity activity =
        SyntheticActivity.tokens(4, new int[] {0, 1}, new int[] {0, 1, 3}, new int[] {3},
            new int[] {});
    CoactivationStats stats = CoactivationStats.count(activity, 2, 1);
    assertEquals(2, stats.count(0));
    assertEquals(0, stats.count(2));
    assertEquals(2, stats.pairCount(0, 1));
    assertEquals(1, stats.pairCount(3, 1));
    assertEquals(0, stats.pairCount(2, 3));
    assertEquals(1, stats.partners(0).neuron(0));
    assertEquals(3, stats.partners(0).neuron(1));
    assertEquals(Extent.CUT, stats.partners(0).extent());
    assertEquals(0, stats.partners(2).size());
    // P(j|i) of 0: 1, 0, .5; of 1 the same; of 3: .5, .5, 0.
    double gap = ((1 - 0.5) + (1 - 0.5) + (0.5 - 1 / 3.0)) / 3;
    assertEquals(gap, stats.gap(1), 1e-12);
    // P(j) without i: .5, 0, .5 for each of the three.
    assertEquals(0.5 - 1 / 3.0, stats.gapIfIndependent(1), 1e-12);
  }

  @Test
  void everyPairIsCountedWhateverTheShapeAndThreads() {
    int[][] shapes = {{1, 1}, {63, 5}, {64, 33}, {65, 130}, {500, 97}};
    for (int[] shape : shapes) {
      Activity activity = SyntheticActivity.independent(shape[0], shape[1], 0.3, shape[1]);
      for (int threads = 1; threads <= 3; threads++) {
        CoactivationStats stats = CoactivationStats.count(activity, 8, threads);
        for (int a = 0; a < shape[1]; a++) {
          assertEquals(together(activity, a, a), stats.count(a));
          for (int b = 0; b < shape[1]; b++) {
            assertEquals(together(activity, a, b), stats.pairCount(a, b));
          }
        }
      }
    }
  }

  @Test
  void withoutTheMatrixTheBestPartnersAreThoseOfASort() {
    int neurons = CoactivationStats.FULL_MATRIX_NEURONS + 1;
    Activity activity = SyntheticActivity.independent(130, neurons, 0.1, 5);
    CoactivationStats stats = CoactivationStats.count(activity, 20, 2);
    assertTrue(stats.memoryBytes() < 2_000_000, "no matrix: " + stats.memoryBytes());
    for (int i = 0; i < neurons; i += 97) {
      int neuron = i;
      List<Integer> others = new ArrayList<>();
      for (int j = 0; j < neurons; j++) {
        if (j != i && together(activity, i, j) > 0) {
          others.add(j);
        }
      }
      others.sort(
          Comparator.comparingInt((Integer j) -> -together(activity, neuron, j))
              .thenComparingInt(j -> j));
      Partners partners = stats.partners(i);
      assertEquals(Math.min(20, others.size()), partners.size());
      assertEquals(others.size() < 20 ? Extent.COMPLETE : Extent.CUT, partners.extent());
      for (int k = 0; k < partners.size(); k++) {
        assertEquals(others.get(k), partners.neuron(k));
        assertEquals(together(activity, i, others.get(k)), partners.count(k));
      }
    }
  }

  @Test
  void theNullKeepsRatesAndLosesCoactivation() {
    Activity activity = SyntheticActivity.clustered(2000, 128, 8, 0.1, 1, 2);
    CoactivationStats real = CoactivationStats.count(activity, 8, 1);
    CoactivationStats shuffled = CoactivationStats.count(activity.independent(3), 8, 1);
    for (int n = 0; n < 128; n++) {
      assertEquals(real.count(n), shuffled.count(n));
    }
    assertTrue(real.gap(64) > 0.6, "clusters: " + real.gap(64));
    assertTrue(shuffled.gap(64) < 0.2, "null: " + shuffled.gap(64));
    assertTrue(real.gapIfIndependent(64) < 0.1, "rates: " + real.gapIfIndependent(64));
    assertEquals(real.gapIfIndependent(64), shuffled.gapIfIndependent(64));
  }

  @Test
  void senselessArgumentsAreRefused() {
    Activity activity = SyntheticActivity.tokens(2, new int[] {0});
    assertThrows(
        IllegalArgumentException.class, () -> CoactivationStats.count(activity, 0, 1));
    assertThrows(
        IllegalArgumentException.class, () -> CoactivationStats.count(activity, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> new TokenRange(5, 5));
    assertThrows(IllegalArgumentException.class, () -> new FiringRule(Float.NaN, 0));
    assertThrows(IllegalArgumentException.class, () -> Activity.of(2, 65, new long[2]));
  }
}
