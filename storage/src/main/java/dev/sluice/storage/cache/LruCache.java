package dev.sluice.storage.cache;

/**
 * Drops what was used longest ago, exactly and bundle by bundle, at the moment when its slot is needed, so that no slot is kept
 * free in advance. Bundles of one layer and token count as used in the order of their positions, misses after hits. The bundles
 * of the layer at hand stay; when there is nothing else, a miss gets no slot.
 */
final class LruCache extends SlotCache {
  private final RecencyList list;
  private final LayerInUse layer;

  LruCache(Shape shape, int slots) {
    super(shape, slots);
    list = new RecencyList(words(shape) * 64);
    layer = new LayerInUse(wordsPerLayer);
  }

  static long heapBytes(Shape shape, int slots) {
    return SlotCache.heapBytes(shape, slots) + RecencyList.heapBytes(words(shape) * 64L);
  }

  @Override
  void looked(int firstWord, long[] hitBundles, long[] missBundles) {
    layer.begin(firstWord, hitBundles);
    long[] pinned = residents.pinned;
    for (int i = 0; i < wordsPerLayer; i++) {
      for (long rest = hitBundles[i] & ~pinned[firstWord + i]; rest != 0; rest &= rest - 1) {
        list.renew(firstWord + i << 6 | Long.numberOfTrailingZeros(rest));
      }
    }
  }

  @Override
  void usedAgain(int position) {
    layer.add(position);
    if (!residents.isPinned(position)) {
      list.renew(position);
    }
  }

  @Override
  boolean makeRoom(int position) {
    if (residents.freeSlots() > 0) {
      return true;
    }
    int oldest = list.oldest();
    if (oldest < 0 || layer.contains(oldest)) {
      return false; // then all are of this layer, since they were used after all others
    }
    list.remove(oldest);
    drop(oldest);
    return true;
  }

  @Override
  void admitted(int position) {
    layer.add(position);
    list.add(position);
  }

  @Override
  public void endToken() {
    begin();
    layer.end();
  }

  @Override
  void cleared() {
    list.clear();
    layer.end();
  }
}
