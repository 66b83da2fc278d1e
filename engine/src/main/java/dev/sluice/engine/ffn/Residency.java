package dev.sluice.engine.ffn;

import dev.sluice.storage.cache.Window;

/**
 * How the RAM for bundles is used.
 *
 * @param slots bundles that fit
 * @param pinned of these, how many hold the most frequent bundles for good
 * @param window who stays in the others
 * @param segmentBundles bundles per cache entry
 */
public record Residency(int slots, int pinned, Window window, int segmentBundles) {
  public Residency {
    if (slots < 0 || pinned < 0 || pinned > slots) {
      throw new IllegalArgumentException(pinned + " pinned of " + slots + " slots");
    }
  }
}
