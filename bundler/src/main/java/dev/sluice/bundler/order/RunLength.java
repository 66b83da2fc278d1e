package dev.sluice.bundler.order;

import dev.sluice.bundler.coactivation.Activity;
import java.util.Arrays;

/**
 * How well an order groups the neurons that are wanted together: what reading each token's firings would take if nothing
 * were resident. Give it an {@link Activity} of misses to see what is left behind a cache.
 *
 * @param tokens tokens measured
 * @param wanted bundles wanted, summed over tokens
 * @param runs stretches of neighbouring wanted bundles
 * @param requests reads after merging over gaps and cutting at the longest read
 * @param read bundles read, gaps included
 */
public record RunLength(long tokens, long wanted, long runs, long requests, long read) {

  /**
   * How runs become reads.
   *
   * @param gapBundles unwanted bundles that a read runs through rather than end
   * @param longestBundles bundles in one read at most
   */
  public record Merging(int gapBundles, int longestBundles) {
    /** One read per run, however long. */
    public static final Merging NONE = new Merging(0, Integer.MAX_VALUE);

    /**
     * @throws IllegalArgumentException if the gap is negative or no bundle fits a read
     */
    public Merging {
      if (gapBundles < 0 || longestBundles < 1) {
        throw new IllegalArgumentException("gap " + gapBundles + ", longest " + longestBundles);
      }
    }

    /** The same in bytes, as readers are set: gaps of 16 to 32 KiB, reads of 512 KiB at most. */
    public static Merging ofBytes(int gapBytes, int longestBytes, int strideBytes) {
      return new Merging(gapBytes / strideBytes, Math.max(1, longestBytes / strideBytes));
    }
  }

  /**
   * Measures an order on tokens that it was not made from.
   *
   * @param order neuron at each position
   * @throws IllegalArgumentException if the order is no permutation of the activity's neurons
   */
  public static RunLength measure(Activity heldOut, int[] order, Merging merging) {
    if (order.length != heldOut.neurons()) {
      throw new IllegalArgumentException(
          "an order of " + order.length + " for " + heldOut.neurons() + " neurons");
    }
    int[] positions = Permutations.inverse(order);
    long[] wantedBits = new long[heldOut.words()];
    long wanted = 0;
    long runs = 0;
    long requests = 0;
    long read = 0;
    for (int token = 0; token < heldOut.tokens(); token++) {
      Arrays.fill(wantedBits, 0);
      for (int w = 0; w < wantedBits.length; w++) {
        for (long left = heldOut.word(token, w); left != 0; left &= left - 1) {
          int position = positions[(w << 6) + Long.numberOfTrailingZeros(left)];
          wantedBits[position >>> 6] |= 1L << position;
        }
      }
      int begin = -1;
      int last = -1;
      for (int w = 0; w < wantedBits.length; w++) {
        for (long left = wantedBits[w]; left != 0; left &= left - 1) {
          int position = (w << 6) + Long.numberOfTrailingZeros(left);
          wanted++;
          if (begin < 0 || position != last + 1) {
            runs++;
          }
          boolean joins =
              begin >= 0
                  && position - last - 1 <= merging.gapBundles()
                  && position - begin < merging.longestBundles();
          if (!joins) {
            read += begin < 0 ? 0 : last - begin + 1;
            requests++;
            begin = position;
          }
          last = position;
        }
      }
      read += begin < 0 ? 0 : last - begin + 1;
    }
    return new RunLength(heldOut.tokens(), wanted, runs, requests, read);
  }

  /** Neighbouring wanted bundles per run, before merging; 0 if nothing was wanted. */
  public double meanRunBundles() {
    return runs == 0 ? 0 : (double) wanted / runs;
  }

  /** Reads per token and layer. */
  public double requestsPerToken() {
    return (double) requests / tokens;
  }

  /** Bundles read per bundle wanted, at least 1 unless nothing was wanted. */
  public double readPerWanted() {
    return wanted == 0 ? 0 : (double) read / wanted;
  }
}
