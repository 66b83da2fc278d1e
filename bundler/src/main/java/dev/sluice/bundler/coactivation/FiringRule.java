package dev.sluice.bundler.coactivation;

/**
 * Which of a trace's firings count.
 *
 * @param floor magnitude below which a firing does not count, the layer's threshold; 0 takes all
 * @param windowTokens if positive, only firings count whose neuron did not fire within that many tokens before: what a
 *     window cache of that length misses, given slots for all (the order that pays is fitted to the misses
 *     after the cache); 0 takes all. The cache is taken to stay warm from one evaluation window to the next
 */
public record FiringRule(float floor, int windowTokens) {
  /** Every firing in the trace. */
  public static final FiringRule ALL = new FiringRule(0, 0);

  /**
   * @throws IllegalArgumentException if the floor is negative or not a number, or the window is negative
   */
  public FiringRule {
    if (!(floor >= 0) || windowTokens < 0) {
      throw new IllegalArgumentException("floor " + floor + ", window " + windowTokens);
    }
  }
}
