package dev.sluice.storage.cache;

/**
 * Which bundles are in slots: a bitmap, the slot of each bundle, and the free slots. A bundle is
 * named by its position, {@code layer * paddedBundles + bundle} with layers padded to whole words.
 * The bitmaps are open to the package because the hot path reads them word by word; only this class
 * writes them. Not thread-safe.
 */
final class Residents {
  final long[] present;
  final long[] pinned;
  private final int slots;
  private final int[] slotOf;
  private final int[] freeSlots;
  private int freeCount;
  private int pinnedCount;

  Residents(int words, int slots) {
    this.slots = slots;
    present = new long[words];
    pinned = new long[words];
    slotOf = new int[words * 64];
    freeSlots = new int[slots];
    clear();
  }

  static long heapBytes(int words, int slots) {
    // And while slots are put in order, which of them are taken.
    return 2L * words * Long.BYTES + 64L * words * Integer.BYTES + (Integer.BYTES + 1L) * slots;
  }

  int slotOf(int position) {
    return slotOf[position];
  }

  int freeSlots() {
    return freeCount;
  }

  /** All residents, pinned or not. */
  int count() {
    return slots - freeCount;
  }

  int pinnedCount() {
    return pinnedCount;
  }

  /** Slots that are not pinned. */
  int evictableSlots() {
    return slots - pinnedCount;
  }

  /** The residents of a word that may be dropped. */
  long evictable(int word) {
    return present[word] & ~pinned[word];
  }

  /** Gives an absent bundle a slot, and returns it; there must be a free one. */
  int place(int position) {
    int slot = freeSlots[--freeCount];
    slotOf[position] = slot;
    present[position >>> 6] |= 1L << position;
    return slot;
  }

  boolean isPinned(int position) {
    return (pinned[position >>> 6] >>> position & 1) != 0;
  }

  /** Makes a resident stay for ever. */
  void pin(int position) {
    pinned[position >>> 6] |= 1L << position;
    pinnedCount++;
  }

  /** Takes the slots of some residents of a word. */
  void drop(int word, long bundles) {
    present[word] &= ~bundles;
    for (long rest = bundles; rest != 0; rest &= rest - 1) {
      int position = word << 6 | Long.numberOfTrailingZeros(rest);
      freeSlots[freeCount++] = slotOf[position];
      slotOf[position] = -1;
    }
  }

  /** Drops all that is not pinned and puts the free slots in order, so that 0 is given first. */
  void clear() {
    boolean[] taken = new boolean[slots];
    System.arraycopy(pinned, 0, present, 0, present.length);
    for (int position = 0; position < slotOf.length; position++) {
      if ((pinned[position >>> 6] & 1L << position) == 0) {
        slotOf[position] = -1;
      } else {
        taken[slotOf[position]] = true;
      }
    }
    freeCount = 0;
    for (int slot = slots - 1; slot >= 0; slot--) {
      if (!taken[slot]) {
        freeSlots[freeCount++] = slot;
      }
    }
  }
}
