package dev.sluice.engine.ffn;

import dev.sluice.storage.cache.Window;

/**
 * How the RAM for bundles is used.
 *
 * @param slots bundles that fit
 * @param pinned of these, how many hold bundles for good
 * @param pinning which bundles those are
 * @param window who stays in the others
 * @param segmentBundles bundles per cache entry
 */
public record Residency(int slots, int pinned, Pinning pinning, Window window, int segmentBundles) {

  /** Which bundles are pinned. */
  public enum Pinning {
    /** Those that fired most often in the trace. */
    MOST_FREQUENT,
    /** The first of every layer: as good as any where all are read, and the rest stays in one run. */
    FIRST
  }

  /** The same with the most frequent bundles pinned. */
  public Residency(int slots, int pinned, Window window, int segmentBundles) {
    this(slots, pinned, Pinning.MOST_FREQUENT, window, segmentBundles);
  }

  public Residency {
    if (slots < 0 || pinned < 0 || pinned > slots) {
      throw new IllegalArgumentException(pinned + " pinned of " + slots + " slots");
    }
  }
}
