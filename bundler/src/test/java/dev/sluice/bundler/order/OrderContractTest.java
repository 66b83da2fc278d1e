package dev.sluice.bundler.order;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.CoactivationStats;
import dev.sluice.bundler.coactivation.SyntheticActivity;
import dev.sluice.storage.BadInputException;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every order promises. */
class OrderContractTest {
  static Stream<Order> orders() {
    return Stream.of("identity", "random", "frequency", "ripple")
        .map(name -> Order.named(name, 42));
  }

  static CoactivationStats stats(Activity activity) {
    return CoactivationStats.count(activity, 8, 2);
  }

  @ParameterizedTest
  @MethodSource("orders")
  void arrangesEveryNeuronOnce(Order order) {
    int[] shapes = {1, 2, 3, 64, 65, 300};
    for (int neurons : shapes) {
      for (double share : new double[] {0, 0.01, 0.3, 0.5}) {
        Activity activity = SyntheticActivity.independent(100, neurons, share, neurons);
        int[] arranged = order.arrange(stats(activity));
        assertEquals(neurons, arranged.length);
        Permutations.inverse(arranged);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("orders")
  void theSameCountsGiveTheSameOrder(Order order) {
    Activity activity = SyntheticActivity.clustered(300, 200, 10, 0.1, 1, 2);
    int[] first = order.arrange(CoactivationStats.count(activity, 8, 1));
    assertArrayEquals(first, order.arrange(CoactivationStats.count(activity, 8, 3)));
    first[0] = -1;
    Permutations.inverse(order.arrange(stats(activity)));
  }

  @Test
  void namesAreThoseOfTheCommandLine() {
    orders().forEach(order -> assertEquals(order, Order.named(order.name(), 42)));
    BadInputException refused =
        assertThrows(BadInputException.class, () -> Order.named("alphabetical", 1));
    assertTrue(refused.getMessage().contains("ripple"));
  }

  @Test
  void randomFollowsItsSeed() {
    CoactivationStats stats = stats(SyntheticActivity.independent(10, 500, 0.1, 1));
    assertArrayEquals(new RandomOrder(1).arrange(stats), new RandomOrder(1).arrange(stats));
    assertFalse(
        Arrays.equals(new RandomOrder(1).arrange(stats), new RandomOrder(2).arrange(stats)));
  }

  @Test
  void frequencyPutsBusyNeuronsFirstAndLowOnesFirstAmongEquals() {
    Activity activity =
        SyntheticActivity.tokens(5, new int[] {3, 4}, new int[] {3, 1}, new int[] {3, 4});
    assertArrayEquals(new int[] {3, 4, 1, 0, 2}, new FrequencyOrder().arrange(stats(activity)));
  }
}
