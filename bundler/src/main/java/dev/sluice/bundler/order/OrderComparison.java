package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.CoactivationStats;
import java.util.ArrayList;
import java.util.List;

/**
 * Orders side by side with the controls that make the comparison fair: all orders made from the same tokens and judged on
 * others, random as the best of several, and the same orders made from a null trace in which neurons fire as often but
 * independently. What an order gains over frequency, and loses on the null, is what co-activation is worth.
 *
 * @param rows one per order: the four orders, then ripple made from the null
 */
public record OrderComparison(List<Row> rows) {
  /** Name under which ripple made from the null trace is reported. */
  public static final String RIPPLE_OF_NULL = "ripple of null";

  /** One order's figures on the held-out tokens. */
  public record Row(String order, RunLength heldOut) {}

  public OrderComparison {
    rows = List.copyOf(rows);
  }

  /**
   * Makes and judges all orders of one layer.
   *
   * @param train tokens to make them from
   * @param heldOut other tokens to judge them on
   * @param randomTries random orders to take the best of, by requests, at least 1
   * @param seed of the random orders and the null
   */
  public static OrderComparison of(
      Activity train,
      Activity heldOut,
      RunLength.Merging merging,
      int randomTries,
      long seed,
      int threads) {
    CoactivationStats stats =
        CoactivationStats.count(train, CoactivationStats.DEFAULT_PARTNERS, threads);
    List<Row> rows = new ArrayList<>();
    for (Order order : List.of(new IdentityOrder(), new FrequencyOrder(), new RippleOrder())) {
      rows.add(new Row(order.name(), RunLength.measure(heldOut, order.arrange(stats), merging)));
    }
    Row best = null;
    for (int attempt = 0; attempt < randomTries; attempt++) {
      RandomOrder random = new RandomOrder(seed + attempt);
      Row row = new Row(random.name(), RunLength.measure(heldOut, random.arrange(stats), merging));
      if (best == null || row.heldOut().requests() < best.heldOut().requests()) {
        best = row;
      }
    }
    rows.add(1, best);
    CoactivationStats nullStats =
        CoactivationStats.count(
            train.independent(seed), CoactivationStats.DEFAULT_PARTNERS, threads);
    int[] ofNull = new RippleOrder().arrange(nullStats);
    rows.add(new Row(RIPPLE_OF_NULL, RunLength.measure(heldOut, ofNull, merging)));
    return new OrderComparison(rows);
  }
}
