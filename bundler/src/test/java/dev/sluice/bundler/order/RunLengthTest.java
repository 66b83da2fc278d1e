package dev.sluice.bundler.order;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.SyntheticActivity;
import dev.sluice.bundler.order.RunLength.Merging;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class RunLengthTest {
  private static final int[] IDENTITY = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  private static final Activity HAND_MADE =
      SyntheticActivity.tokens(10, new int[] {0, 1, 3, 7}, new int[] {}, new int[] {5, 6, 7, 8, 9});

  @Test
  void runsAreStretchesOfNeighbours() {
    RunLength plain = RunLength.measure(HAND_MADE, IDENTITY, Merging.NONE);
    assertEquals(new RunLength(3, 9, 4, 4, 9), plain);
    assertEquals(9 / 4.0, plain.meanRunBundles());
    assertEquals(4 / 3.0, plain.requestsPerToken());
    assertEquals(1, plain.readPerWanted());
  }

  @Test
  void gapsAreReadThroughAndLongReadsCut() {
    assertEquals(
        new RunLength(3, 9, 4, 3, 10), RunLength.measure(HAND_MADE, IDENTITY, new Merging(1, 100)));
    assertEquals(
        new RunLength(3, 9, 4, 2, 13), RunLength.measure(HAND_MADE, IDENTITY, new Merging(3, 100)));
    // 0 1 . 3 | 7, then 5 6 7 8 | 9.
    assertEquals(
        new RunLength(3, 9, 4, 4, 10), RunLength.measure(HAND_MADE, IDENTITY, new Merging(3, 4)));
    assertEquals(new Merging(3, 51), Merging.ofBytes(32768, 524288, 10240));
  }

  @Test
  void positionsCountNotNeurons() {
    int[] order = {0, 1, 3, 7, 2, 4, 5, 6, 8, 9};
    RunLength arranged = RunLength.measure(HAND_MADE, order, Merging.NONE);
    // 0 1 3 7 become one run; 5 6 8 9 another, 7 apart from them.
    assertEquals(new RunLength(3, 9, 3, 3, 9), arranged);
  }

  @Test
  void whatIsNoPermutationIsRefused() {
    int[] twice = IDENTITY.clone();
    twice[3] = 4;
    assertThrows(
        IllegalArgumentException.class, () -> RunLength.measure(HAND_MADE, twice, Merging.NONE));
    assertThrows(
        IllegalArgumentException.class,
        () -> RunLength.measure(HAND_MADE, new int[] {0, 1}, Merging.NONE));
  }

  @Test
  void onClustersRippleBeatsEveryControlOnTokensItHasNotSeen() {
    Activity train = SyntheticActivity.clustered(2000, 512, 16, 0.05, 3, 100);
    Activity heldOut = SyntheticActivity.clustered(500, 512, 16, 0.05, 3, 200);
    OrderComparison comparison = OrderComparison.of(train, heldOut, Merging.NONE, 5, 9, 2);
    Map<String, RunLength> of =
        comparison.rows().stream()
            .collect(
                Collectors.toMap(OrderComparison.Row::order, OrderComparison.Row::heldOut));
    double ripple = of.get("ripple").requestsPerToken();
    for (String control : new String[] {"identity", "random", "frequency", "ripple of null"}) {
      double requests = of.get(control).requestsPerToken();
      assertTrue(ripple < 0.6 * requests, "ripple " + ripple + ", " + control + " " + requests);
    }
    assertTrue(of.get("ripple").meanRunBundles() > 2);
  }

  @Test
  void onIndependentNeuronsNoOrderFindsWhatIsNotThere() {
    Activity train = SyntheticActivity.independent(2000, 256, 0.1, 1);
    // The same rates at other tokens: rates follow from the seed, so the null of the same trace has them.
    Activity heldOut = train.independent(77);
    OrderComparison comparison = OrderComparison.of(train, heldOut, Merging.NONE, 3, 9, 1);
    Map<String, RunLength> of =
        comparison.rows().stream()
            .collect(
                Collectors.toMap(OrderComparison.Row::order, OrderComparison.Row::heldOut));
    double ripple = of.get("ripple").requestsPerToken();
    double ofNull = of.get("ripple of null").requestsPerToken();
    assertTrue(Math.abs(ripple - ofNull) < 0.05 * ofNull, ripple + " against " + ofNull);
  }
}
