package dev.sluice.engine.ffn;

import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.cache.Window;

/**
 * How the RAM for bundles is used.
 *
 * @param slots bundles that fit
 * @param pinned of these, how many hold bundles for good
 * @param pinning which bundles those are
 * @param policy who stays in the others
 * @param spillPlaces places for bundles of one layer that find no slot; a layer that needs more is done in parts. At least
 *     {@value #LEAST_SPILL_PLACES}, or one for each neuron of a layer where there are fewer
 */
public record Residency(
    int slots, int pinned, Pinning pinning, CachePolicy policy, int spillPlaces) {
  /** A part of a layer has at least so many neurons. */
  public static final int LEAST_SPILL_PLACES = 256;

  /** Which bundles are pinned. */
  public enum Pinning {
    /** Those that fired most often in the trace. */
    MOST_FREQUENT,
    /** Those that fire most often, by the trace and by the prompt before the first single token. */
    MOST_FREQUENT_WITH_PROMPT,
    /** The first of every layer: as good as any where all are read, and the rest stays in one run. */
    FIRST
  }

  /** A window, and places for all of a layer's bundles. */
  public Residency(int slots, int pinned, Pinning pinning, Window window, int segmentBundles) {
    this(slots, pinned, pinning, new CachePolicy.Recent(window, segmentBundles), Integer.MAX_VALUE);
  }

  /** The same with the most frequent bundles pinned. */
  public Residency(int slots, int pinned, Window window, int segmentBundles) {
    this(slots, pinned, Pinning.MOST_FREQUENT, window, segmentBundles);
  }

  public Residency {
    if (slots < 0 || pinned < 0 || pinned > slots) {
      throw new IllegalArgumentException(pinned + " pinned of " + slots + " slots");
    }
    if (spillPlaces < LEAST_SPILL_PLACES) {
      throw new IllegalArgumentException(spillPlaces + " places are too few for a part of a layer");
    }
  }
}
