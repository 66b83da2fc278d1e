package dev.sluice.bench.cache;

import java.util.SplittableRandom;

/**
 * A seeded, made-up trace of active bundles: a few bundles are active far more often than most, and
 * half of a token's active bundles were active in one of the last tokens.
 *
 * <p>Weights are {@code exp(1.2 g)} with g Gaussian. Each token first repeats bundles of the last
 * {@link #MEMORY_TOKENS} tokens until half of its share is met, then draws by weight. Bundles are
 * in no helpful order on disk, so segments are met as widely as they can be.
 */
final class HabitualTrace {
  private static final int MEMORY_TOKENS = 4;
  private static final int TABLE_ENTRIES_PER_BUNDLE = 8;

  private final long[][][] active;

  /**
   * @param activeShare active bundles per token and layer, as a share of all
   */
  HabitualTrace(int tokens, int layers, int bundles, double activeShare, long seed) {
    active = new long[tokens][layers][(bundles + 63) >>> 6];
    int wanted = (int) Math.round(bundles * activeShare);
    SplittableRandom random = new SplittableRandom(seed);
    for (int layer = 0; layer < layers; layer++) {
      int[] table = drawingTable(bundles, random);
      int[][] lists = new int[tokens][wanted];
      for (int token = 0; token < tokens; token++) {
        long[] mask = active[token][layer];
        int count = 0;
        while (count < wanted) {
          boolean repeat = token > 0 && count < wanted / 2;
          int bundle;
          if (repeat) {
            int ago = 1 + random.nextInt(Math.min(token, MEMORY_TOKENS));
            bundle = lists[token - ago][random.nextInt(wanted)];
          } else {
            bundle = table[random.nextInt(table.length)];
          }
          long bit = 1L << bundle;
          if ((mask[bundle >>> 6] & bit) == 0) {
            mask[bundle >>> 6] |= bit;
            lists[token][count++] = bundle;
          }
        }
      }
    }
  }

  int tokens() {
    return active.length;
  }

  /** The bitmap of a token's active bundles in one layer; not a copy. */
  long[] active(int token, int layer) {
    return active[token][layer];
  }

  /** Each bundle as often as its weight says, so that a uniform index draws by weight. */
  private static int[] drawingTable(int bundles, SplittableRandom random) {
    double[] sums = new double[bundles];
    double sum = 0;
    for (int i = 0; i < bundles; i++) {
      sum += Math.exp(1.2 * random.nextGaussian());
      sums[i] = sum;
    }
    int[] table = new int[bundles * TABLE_ENTRIES_PER_BUNDLE];
    int bundle = 0;
    for (int i = 0; i < table.length; i++) {
      while (sums[bundle] * table.length < (i + 0.5) * sum) {
        bundle++;
      }
      table[i] = bundle;
    }
    return table;
  }
}
