package dev.sluice.storage.cache;

/**
 * Which bundles are resident, and in which slot. It hands out slot numbers, {@code 0 .. slots-1}; the memory behind them
 * belongs to the caller. Bundles are named by their position on disk. One per session; not thread-safe.
 *
 * <p>For each layer the caller asks {@link #split}, {@link #slotOf} for the hits and {@link #admit} for the misses; after the
 * last, {@link #endToken}.
 *
 * <p><b>What may be relied on.</b> A bundle that {@code split} found resident, or that {@code admit} gave a slot, keeps it until
 * the next {@code split} or {@code endToken}, whichever comes first: by then its layer is computed. Pinned bundles keep theirs
 * for ever. What {@link #absent} says holds until the next {@code split} has returned, or until {@code admit}, {@code endToken}
 * or {@code clear}. The policies decide the rest: results never depend on it, reads do, unless the
 * caller asks {@link #absent} before it chooses.
 */
public interface BundleCache {
  /**
   * The bundles that there are.
   *
   * @param layers at least 1
   * @param bundlesPerLayer at least 1
   */
  record Shape(int layers, int bundlesPerLayer) {
    public Shape {
      if (layers < 1 || bundlesPerLayer < 1) {
        throw new IllegalArgumentException(
            "a shape of " + layers + " layers by " + bundlesPerLayer + " bundles holds nothing");
      }
      if ((long) layers * paddedBundles(bundlesPerLayer) > Integer.MAX_VALUE - 64) {
        throw new IllegalArgumentException(
            layers + " layers by " + bundlesPerLayer + " bundles are more than 2^31");
      }
    }

    /** Bundles of all layers. */
    public int bundles() {
      return layers * bundlesPerLayer;
    }

    /** Words of a layer's bitmaps. */
    int words() {
      return (bundlesPerLayer + 63) >>> 6;
    }

    private static long paddedBundles(int bundles) {
      return (bundles + 63L) & -64L;
    }
  }

  /**
   * Gives a bundle a slot for ever. Only before the first token.
   *
   * @return its slot, or -1 when none is left
   * @throws IllegalStateException after the first token began
   */
  int pin(int layer, int bundle);

  /**
   * Parts a layer's active bundles into those that are resident and those that are not, and notes the use of the former.
   * Bitmaps have {@code ceil(bundlesPerLayer / 64)} words, bundle b in bit b; {@code hitBundles} may be the same array as
   * {@code active}.
   *
   * @param active wanted bundles; bits past the last bundle are ignored
   * @param hitBundles is overwritten: active and resident
   * @param missBundles is overwritten: active and not resident
   */
  void split(int layer, long[] active, long[] hitBundles, long[] missBundles);

  /**
   * Which of a layer's bundles are not resident, without counting as use of those that are. Bitmaps as in {@link #split};
   * both may be the same array.
   */
  void absent(int layer, long[] bundles, long[] absentBundles);

  /** The slot of a bundle, -1 when it is not resident. */
  int slotOf(int layer, int bundle);

  /**
   * Makes a missed bundle of the layer that was split last resident, if the policy finds it worth a slot; it counts as used. A
   * bundle that is resident keeps the slot that it has.
   *
   * @return its slot, or -1: the bundle then streams through the caller's staging memory
   */
  int admit(int layer, int bundle);

  /** Ends the token. */
  void endToken();

  /** Empties every slot that is not pinned, as if no token had been seen; the counters stay. */
  void clear();

  /** Sets the five counters to 0. */
  void resetCounters();

  /** Active bundles found resident by {@link #split}. */
  long hits();

  /** Active bundles found absent by {@link #split}. */
  long misses();

  /** Bundles given a slot by {@link #admit}. */
  long admitted();

  /** Bundles that lost their slot. */
  long dropped();

  /** Bundles that {@link #admit} gave no slot. */
  long refused();

  /** Bundles in slots now, the pinned ones included. */
  int residentBundles();

  /** Bundles pinned. */
  int pinnedBundles();
}
