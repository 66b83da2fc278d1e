package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.CoactivationStats;
import java.util.Arrays;
import java.util.SplittableRandom;

/** A uniformly random order. A control; take the best of several seeds, never one. */
public record RandomOrder(long seed) implements Order {
  @Override
  public String name() {
    return "random";
  }

  @Override
  public int[] arrange(CoactivationStats stats) {
    int[] order = new int[stats.neurons()];
    Arrays.setAll(order, i -> i);
    SplittableRandom random = new SplittableRandom(seed);
    for (int last = order.length - 1; last > 0; last--) {
      int other = random.nextInt(last + 1);
      int neuron = order[last];
      order[last] = order[other];
      order[other] = neuron;
    }
    return order;
  }
}
