package dev.sluice.storage.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;

/**
 * W-TinyLFU (Einziger, Friedman and Manes, 2017) by Caffeine's own eviction by size, one entry a bundle: a small window in
 * front of a segmented main part, and what leaves the window stays only if a sketch says that it is used more often than what it
 * would replace. That may be the miss itself, which then gets no slot.
 *
 * <p>All of Caffeine's work is done on the caller's thread. It may choose a bundle of the layer at hand; that one keeps its slot
 * until the next layer, and the miss gets none. Caffeine draws a random number where a sketch might be under attack, from no
 * seed, so reads may differ a little from run to run.
 *
 * <p>An entry takes some 130 bytes of heap and each hit a look-up in a hash table, which segments of many bundles would save;
 * but they leave only as a whole, and half of a segment is seldom worth as much as the other.
 */
final class TinyLfuCache extends SlotCache {
  private final LayerInUse layer;
  private final Integer[] keys; // by slot: boxed once, when admitted
  private Cache<Integer, Integer> cache;
  private Integer admitting; // what makeRoom has put in
  private final int[] leaving; // residents that Caffeine dropped while they are in use
  private int leavingCount;

  TinyLfuCache(Shape shape, int slots) {
    super(shape, slots);
    int usable = usableSlots(shape, slots);
    layer = new LayerInUse(wordsPerLayer);
    keys = new Integer[usable];
    leaving = new int[usable];
    cache = caffeine(usable);
  }

  private Cache<Integer, Integer> caffeine(int maximum) {
    return Caffeine.newBuilder()
        .initialCapacity(keys.length)
        .executor(Runnable::run)
        .maximumSize(maximum)
        .evictionListener((Integer key, Integer value, RemovalCause cause) -> evicted(key))
        .build();
  }

  static long heapBytes(Shape shape, int slots) {
    long usable = usableSlots(shape, slots);
    return SlotCache.heapBytes(shape, slots) + 64 * 1024 + 140 * usable;
  }

  @Override
  void pinned() {
    cache = caffeine(residents.evictableSlots());
  }

  @Override
  void looked(int firstWord, long[] hitBundles, long[] missBundles) {
    layer.begin(firstWord, hitBundles);
    leave();
    long[] pinned = residents.pinned;
    for (int i = 0; i < wordsPerLayer; i++) {
      for (long rest = hitBundles[i] & ~pinned[firstWord + i]; rest != 0; rest &= rest - 1) {
        use(firstWord + i << 6 | Long.numberOfTrailingZeros(rest));
      }
    }
  }

  private void use(int position) {
    var _ = cache.getIfPresent(keys[residents.slotOf(position)]);
  }

  @Override
  void usedAgain(int position) {
    layer.add(position);
    if (!residents.isPinned(position)) {
      use(position);
    }
  }

  @Override
  boolean makeRoom(int position) {
    if (residents.evictableSlots() == 0) {
      return false;
    }
    layer.add(position); // also while Caffeine looks for a victim
    admitting = position;
    cache.put(admitting, admitting);
    if (admitting == null) {
      return false;
    }
    if (residents.freeSlots() == 0) {
      cache.invalidate(admitting); // the slot comes free with the next layer
      admitting = null;
      return false;
    }
    return true;
  }

  private void evicted(int position) {
    if (admitting != null && admitting == position) {
      admitting = null;
    } else if (layer.contains(position)) {
      leaving[leavingCount++] = position;
    } else {
      drop(position);
    }
  }

  @Override
  void admitted(int position) {
    keys[residents.slotOf(position)] = admitting;
    admitting = null;
  }

  /** What Caffeine dropped while it was in use goes once it is not. */
  private void leave() {
    int stay = 0;
    for (int i = 0; i < leavingCount; i++) {
      if (layer.contains(leaving[i])) {
        leaving[stay++] = leaving[i];
      } else {
        drop(leaving[i]);
      }
    }
    leavingCount = stay;
  }

  @Override
  public void endToken() {
    begin();
    layer.end();
    leave();
  }

  @Override
  void cleared() {
    cache = caffeine(residents.evictableSlots()); // its sketch remembers more than its entries
    leavingCount = 0;
    layer.end();
  }
}
