package dev.sluice.engine.text;

import java.util.Arrays;

/**
 * Which two tokens merge into which, and how early: an open-addressed map from (left, right),
 * packed into a long, to the merge's rank. Filled by one thread while a tokenizer is read, then
 * only read, by any number of threads.
 */
final class MergeTable {
  private static final long EMPTY = -1; // ids are not negative, so no pair packs to this

  private long[] pairs;
  private int[] rankOf; // by slot
  private int[] products; // by rank
  private int ranks;
  private int used;

  MergeTable() {
    pairs = new long[1024];
    Arrays.fill(pairs, EMPTY);
    rankOf = new int[1024];
    products = new int[512];
  }

  /** Adds the merge of the next rank; a pair that comes twice keeps its last rank. */
  void add(int left, int right, int product) {
    if (used * 2 >= pairs.length) {
      grow();
    }
    if (ranks == products.length) {
      products = Arrays.copyOf(products, ranks * 2);
    }
    long pair = pack(left, right);
    int slot = slotOf(pair);
    if (pairs[slot] == EMPTY) {
      pairs[slot] = pair;
      used++;
    }
    rankOf[slot] = ranks;
    products[ranks++] = product;
  }

  /**
   * The rank at which {@code left} and {@code right} merge, lower is earlier, or -1 when they do
   * not.
   */
  int rank(int left, int right) {
    int slot = slotOf(pack(left, right));
    return pairs[slot] == EMPTY ? -1 : rankOf[slot];
  }

  /** The token that the merge of {@code rank} makes. */
  int product(int rank) {
    return products[rank];
  }

  private static long pack(int left, int right) {
    return (long) left << 32 | right;
  }

  private int slotOf(long pair) {
    long mixed =
        (pair ^ pair >>> 29)
            * 0x9e3779b97f4a7c15L; // Fibonacci hashing: the high bits are the good ones
    int slot = (int) (mixed >>> 32) & pairs.length - 1;
    while (pairs[slot] != EMPTY && pairs[slot] != pair) {
      slot = slot + 1 & pairs.length - 1;
    }
    return slot;
  }

  private void grow() {
    long[] oldPairs = pairs;
    int[] oldRanks = rankOf;
    pairs = new long[oldPairs.length * 2];
    Arrays.fill(pairs, EMPTY);
    rankOf = new int[pairs.length];
    for (int i = 0; i < oldPairs.length; i++) {
      if (oldPairs[i] != EMPTY) {
        int slot = slotOf(oldPairs[i]);
        pairs[slot] = oldPairs[i];
        rankOf[slot] = oldRanks[i];
      }
    }
  }
}
