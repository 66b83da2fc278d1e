package dev.sluice.bundler.order;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.CoactivationStats;
import dev.sluice.bundler.coactivation.SyntheticActivity;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RippleOrderTest {
  private static CoactivationStats stats(Activity activity, int partners) {
    return CoactivationStats.count(activity, partners, 1);
  }

  @Test
  void linksTheBestPairsFirst() {
    // Pairs: (0,2) three times; (0,4), (1,3) and (2,4) twice, and the last of these would close the ring 0-2-4.
    Activity activity =
        SyntheticActivity.tokens(
            5,
            new int[] {0, 2, 4},
            new int[] {0, 2, 4},
            new int[] {0, 2},
            new int[] {1, 3},
            new int[] {1, 3});
    assertArrayEquals(
        new int[] {2, 0, 4, 1, 3}, new RippleOrder().arrange(stats(activity, 5)));
  }

  @Test
  void neuronsThatNeverFireTogetherStayApartAndSilentOnesGoLast() {
    Activity activity =
        SyntheticActivity.tokens(6, new int[] {5}, new int[] {5}, new int[] {1}, new int[] {2, 4});
    Paths paths = RippleOrder.link(stats(activity, 6));
    assertEquals(5, paths.list().size());
    assertArrayEquals(
        new int[] {5, 1, 2, 4, 0, 3}, new RippleOrder().arrange(stats(activity, 6)));
  }

  @Test
  void noNeuronHasMoreThanTwoLinksAndNoPathIsARing() {
    for (int seed = 0; seed < 20; seed++) {
      Activity activity =
          seed % 2 == 0
              ? SyntheticActivity.independent(60, 150, 0.2, seed)
              : SyntheticActivity.clustered(60, 150, 6, 0.1, seed, seed);
      Paths paths = RippleOrder.link(stats(activity, 4));
      int links = 0;
      for (int n = 0; n < 150; n++) {
        assertTrue(paths.degree(n) <= 2);
        links += paths.degree(n);
      }
      int walked = paths.list().stream().mapToInt(path -> path.length).sum();
      assertEquals(150, walked, "a ring has no end to walk from");
      assertEquals(150 - paths.list().size(), links / 2);
    }
  }

  @Test
  void aThirdLinkAndARingAreRefused() {
    Paths paths = new Paths(5);
    paths.link(0, 1);
    paths.link(1, 2);
    assertThrows(IllegalArgumentException.class, () -> paths.link(1, 3));
    assertThrows(IllegalArgumentException.class, () -> paths.link(2, 0));
  }

  /** The algorithm as it is stated, all pairs sorted: union-find by relabelling, links in a map. */
  private static Map<Integer, List<Integer>> stated(CoactivationStats stats) {
    record Pair(int a, int b, int count) {}
    List<Pair> pairs = new ArrayList<>();
    for (int a = 0; a < stats.neurons(); a++) {
      for (int b = a + 1; b < stats.neurons(); b++) {
        if (stats.pairCount(a, b) > 0) {
          pairs.add(new Pair(a, b, stats.pairCount(a, b)));
        }
      }
    }
    pairs.sort(
        Comparator.comparingInt((Pair p) -> -p.count())
            .thenComparingInt(Pair::a)
            .thenComparingInt(Pair::b));
    int[] label = new int[stats.neurons()];
    Map<Integer, List<Integer>> links = new HashMap<>();
    for (int n = 0; n < label.length; n++) {
      label[n] = n;
      links.put(n, new ArrayList<>());
    }
    for (Pair pair : pairs) {
      boolean free = links.get(pair.a()).size() < 2 && links.get(pair.b()).size() < 2;
      if (free && label[pair.a()] != label[pair.b()]) {
        links.get(pair.a()).add(pair.b());
        links.get(pair.b()).add(pair.a());
        int gone = label[pair.b()];
        for (int n = 0; n < label.length; n++) {
          label[n] = label[n] == gone ? label[pair.a()] : label[n];
        }
      }
    }
    return links;
  }

  @Test
  void aFewPartnersPerNeuronGiveTheLinksOfAllPairsSorted() {
    for (int seed = 0; seed < 30; seed++) {
      Activity activity =
          seed % 2 == 0
              ? SyntheticActivity.independent(40 + seed, 90, 0.15, seed)
              : SyntheticActivity.clustered(40 + seed, 90, 5, 0.1, seed, seed);
      Map<Integer, List<Integer>> expected = stated(stats(activity, 1));
      for (int partners : new int[] {1, 3, 90}) {
        for (int[] path : RippleOrder.link(stats(activity, partners)).list()) {
          for (int k = 0; k < path.length; k++) {
            List<Integer> links = expected.get(path[k]);
            int neighbours = (k > 0 ? 1 : 0) + (k + 1 < path.length ? 1 : 0);
            assertEquals(neighbours, links.size(), "seed " + seed + " neuron " + path[k]);
            assertTrue(k == 0 || links.contains(path[k - 1]));
          }
        }
      }
    }
  }

  @Test
  void beyondTheMatrixTheOrderIsTheSame() {
    int small = CoactivationStats.FULL_MATRIX_NEURONS;
    int large = small + 2;
    // The same firings with two silent neurons more, which force the other way of counting.
    Activity tight = SyntheticActivity.clustered(200, small, 16, 0.05, 7, 8);
    int words = (large + 63) / 64;
    long[] rows = new long[200 * words];
    for (int t = 0; t < 200; t++) {
      for (int w = 0; w < tight.words(); w++) {
        rows[t * words + w] = tight.word(t, w);
      }
    }
    int[] matrix = new RippleOrder().arrange(stats(tight, 16));
    int[] counted = new RippleOrder().arrange(stats(Activity.of(200, large, rows), 16));
    assertEquals(small, counted[small]);
    assertEquals(small + 1, counted[small + 1]);
    assertArrayEquals(matrix, Arrays.copyOf(counted, small));
  }
}
