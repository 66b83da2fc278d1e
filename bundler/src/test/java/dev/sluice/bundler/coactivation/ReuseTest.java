package dev.sluice.bundler.coactivation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ReuseTest {
  private static final double EXACT = 1e-12;

  /** Two windows of four tokens, three neurons. */
  private static final Activity HAND = SyntheticActivity.tokens(3,
      new int[] {0, 1}, new int[] {0}, new int[] {}, new int[] {0, 2},
      new int[] {0, 2}, new int[] {1, 2}, new int[] {0, 1, 2}, new int[] {1});

  @Test
  void reuseWithinWindowsOnly() {
    // Tokens 1, 3 | 5, 6, 7 with the one before: 1/1, 0/2 | 1/2, 2/3, 1/1; token 2 is empty, tokens 0 and 4 begin windows.
    assertEquals((1 + 0 + 0.5 + 2 / 3.0 + 1) / 5, Reuse.atLag(HAND, 4, 1), EXACT);
    // Two before: token 3 with 1: 1/2; 6 with 4: 2/3; 7 with 5: 1/1.
    assertEquals((0.5 + 2 / 3.0 + 1) / 3, Reuse.atLag(HAND, 4, 2), EXACT);
    assertArrayEquals(new double[] {(1 + 0) / 2.0, (0.5 + 2 / 3.0 + 1) / 3},
        Reuse.atLagByWindow(HAND, 4, 1), EXACT);
    assertEquals(0, Reuse.atLag(HAND, 4, 4), "no token has another four before it in its window");
  }

  @Test
  void newShareOfAllFirings() {
    // From the third token of a window: firings at 2, 3 | 6, 7 are 0, 2 | 3, 1.
    // Not at the token before: 3 has 0 and 2 anew; 6 has 0; 7 none: 3 of 6.
    assertEquals(3 / 6.0, Reuse.newShare(HAND, 4, 1, 2), EXACT);
    // Nor at the one before that: 3 has 2 (0 fired at 1); 6 has none (0 fired at 4); 1 of 6.
    assertEquals(1 / 6.0, Reuse.newShare(HAND, 4, 2, 2), EXACT);
    assertThrows(IllegalArgumentException.class, () -> Reuse.newShare(HAND, 4, 3, 2));
  }

  @Test
  void nullsFromRatesAlone() {
    // Rates 5/8, 4/8, 4/8.
    double sum = 13 / 8.0;
    double squares = (25 + 16 + 16) / 64.0;
    assertEquals(squares / sum, Reuse.ifIndependent(HAND), EXACT);
    double afterTwo = (5 / 8.0 * 9 / 64 + 2 * 0.5 * 0.25) / sum;
    assertEquals(afterTwo, Reuse.newShareIfIndependent(HAND, 2), EXACT);
    Activity silent = SyntheticActivity.tokens(2, new int[] {}, new int[] {});
    assertEquals(0, Reuse.ifIndependent(silent));
    assertEquals(0, Reuse.atLag(silent, 2, 1));
  }

  @Test
  void independentNeuronsMeetTheirNull() {
    Activity activity = SyntheticActivity.independent(8_192, 200, 0.2, 3);
    double expected = Reuse.ifIndependent(activity);
    assertEquals(expected, Reuse.atLag(activity, 256, 1), 0.02 * expected);
    assertEquals(expected, Reuse.atLag(activity, 256, 7), 0.02 * expected);
    assertEquals(Reuse.newShareIfIndependent(activity, 4), Reuse.newShare(activity, 256, 4, 32),
        0.02 * Reuse.newShareIfIndependent(activity, 4));
  }

  @Test
  void shuffledTokensKeepWhatFiresTogether() {
    Activity clustered = SyntheticActivity.clustered(2_048, 64, 8, 0.2, 1, 2);
    Activity shuffled = clustered.shuffledTokens(9);
    assertArrayEquals(clustered.counts(), shuffled.counts());
    assertEquals(CoactivationStats.count(clustered, 1, 1).gap(1),
        CoactivationStats.count(shuffled, 1, 1).gap(1), EXACT);
    assertNotEquals(words(clustered), words(shuffled));
    assertEquals(sorted(clustered), sorted(shuffled), "the same tokens in another order");
    assertEquals(words(shuffled), words(clustered.shuffledTokens(9)), "the seed decides");
  }

  private static String words(Activity activity) {
    long[] words = new long[activity.tokens()];
    Arrays.setAll(words, t -> activity.word(t, 0));
    return Arrays.toString(words);
  }

  private static String sorted(Activity activity) {
    long[] words = new long[activity.tokens()];
    Arrays.setAll(words, t -> activity.word(t, 0));
    Arrays.sort(words);
    return Arrays.toString(words);
  }
}
