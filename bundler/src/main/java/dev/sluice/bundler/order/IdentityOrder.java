package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.CoactivationStats;
import java.util.Arrays;

/** The checkpoint's own order. A control: training leaves no meaning in it. */
public record IdentityOrder() implements Order {
  @Override
  public String name() {
    return "identity";
  }

  @Override
  public int[] arrange(CoactivationStats stats) {
    int[] order = new int[stats.neurons()];
    Arrays.setAll(order, i -> i);
    return order;
  }
}
