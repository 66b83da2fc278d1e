package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.CoactivationStats;
import java.util.Arrays;

/**
 * Neurons that fire often first, lower neurons first among equals. The control that matters: it groups what fires
 * together merely because it fires often.
 */
public record FrequencyOrder() implements Order {
  @Override
  public String name() {
    return "frequency";
  }

  @Override
  public int[] arrange(CoactivationStats stats) {
    long[] keys = new long[stats.neurons()];
    Arrays.setAll(keys, i -> (long) -stats.count(i) << 32 | i);
    Arrays.sort(keys);
    int[] order = new int[keys.length];
    Arrays.setAll(order, k -> (int) keys[k]);
    return order;
  }
}
