package dev.sluice.bundler.coactivation;

/**
 * The neurons that one neuron fires with most: by count descending, the lower neuron first among equals, none with count
 * 0. Made by {@link CoactivationStats}; immutable.
 */
public final class Partners {
  private final int[] neurons;
  private final int[] counts;
  private final int offset;
  private final int size;
  private final Extent extent;

  /** Whether a list goes on beyond what was kept. */
  public enum Extent {
    /** Every partner that counts is in the list. */
    COMPLETE,
    /** There may be more, none of them better than the last. */
    CUT
  }

  Partners(int[] neurons, int[] counts, int offset, int size, Extent extent) {
    this.neurons = neurons;
    this.counts = counts;
    this.offset = offset;
    this.size = size;
    this.extent = extent;
  }

  /** How many partners. */
  public int size() {
    return size;
  }

  /** Partner number {@code k}. */
  public int neuron(int k) {
    return neurons[offset + k];
  }

  /** Tokens at which partner number {@code k} fired together with the neuron. */
  public int count(int k) {
    return counts[offset + k];
  }

  /** Whether there may be more. */
  public Extent extent() {
    return extent;
  }
}
