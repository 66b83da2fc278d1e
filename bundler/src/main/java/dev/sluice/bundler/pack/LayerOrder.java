package dev.sluice.bundler.pack;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.CoactivationStats;
import dev.sluice.bundler.order.Order;
import java.util.BitSet;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Fits an order to what is read: the neurons that fire most and will stay in RAM come first, by frequency, and the others
 * after them, arranged by the order's own rule as if the first never fired. Left in between they would only tear the runs
 * of the others apart.
 */
final class LayerOrder {
  private LayerOrder() {}

  /**
   * @param counts firings of each neuron, of all kinds
   * @param activity the firings that the order is fitted to
   * @param residentShare of the layer's neurons that will stay in RAM
   * @return disk position → neuron
   */
  static int[] arrange(Order order, int[] counts, Activity activity, double residentShare) {
    int neurons = counts.length;
    int[] resident =
        IntStream.range(0, neurons)
            .boxed()
            .sorted(Comparator.<Integer>comparingInt(i -> -counts[i]).thenComparingInt(i -> i))
            .limit(Math.round(residentShare * neurons))
            .mapToInt(Integer::intValue)
            .toArray();
    BitSet first = new BitSet(neurons);
    for (int neuron : resident) {
      first.set(neuron);
    }
    Activity read = resident.length == 0 ? activity : activity.without(first);
    int threads = Runtime.getRuntime().availableProcessors();
    int[] others =
        order.arrange(
            CoactivationStats.count(read, CoactivationStats.DEFAULT_PARTNERS, threads));
    return IntStream.concat(
        IntStream.of(resident), IntStream.of(others).filter(neuron -> !first.get(neuron)))
        .toArray();
  }
}
