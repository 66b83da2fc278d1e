package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.CoactivationStats;
import dev.sluice.storage.BadInputException;

/** A way to arrange the neurons of a layer on disk. Immutable and thread-safe; the same counts give the same order. */
public sealed interface Order permits IdentityOrder, RandomOrder, FrequencyOrder, RippleOrder {
  /** The name by which the command line and reports know it. */
  String name();

  /** Arranges a layer: neuron at each position, a permutation of {@code 0 .. neurons - 1}. The caller's to keep. */
  int[] arrange(CoactivationStats stats);

  /**
   * The order of a name: identity, random, frequency or ripple.
   *
   * @param seed counts for random only
   * @throws BadInputException if there is none
   */
  static Order named(String name, long seed) {
    return switch (name) {
      case "identity" -> new IdentityOrder();
      case "random" -> new RandomOrder(seed);
      case "frequency" -> new FrequencyOrder();
      case "ripple" -> new RippleOrder();
      default ->
          throw new BadInputException(
              "--order " + name, "is no order", "use identity, random, frequency or ripple");
    };
  }
}
