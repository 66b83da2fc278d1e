package dev.sluice.storage.cache;

import java.util.Objects;

/**
 * What all policies share: slots, bitmaps, pins and counters. A policy hears of uses ({@link #looked}), finds room for a miss
 * ({@link #makeRoom}) and is told when it has its slot ({@link #admitted(int)}). A bundle's position here is {@code layer *
 * paddedBundles + bundle}.
 */
abstract class SlotCache implements BundleCache {
  private static final int OBJECTS_BYTES = 1024;

  final Residents residents;
  final int wordsPerLayer;
  private final Shape shape;
  private final long lastWordMask;
  private boolean begun;

  private long hits;
  private long misses;
  private long admitted;
  private long dropped;
  private long refused;

  /** @param slots places for bundles, 0 or more; more than there are bundles are left unused */
  SlotCache(Shape shape, int slots) {
    if (slots < 0) {
      throw new IllegalArgumentException("the number of slots is negative: " + slots);
    }
    this.shape = shape;
    wordsPerLayer = shape.words();
    lastWordMask = -1L >>> -shape.bundlesPerLayer();
    residents = new Residents(words(shape), usableSlots(shape, slots));
  }

  /** The heap of what is here, in bytes. */
  static long heapBytes(Shape shape, int slots) {
    return OBJECTS_BYTES + Residents.heapBytes(words(shape), usableSlots(shape, slots));
  }

  static int usableSlots(Shape shape, int slots) {
    return Math.min(slots, shape.bundles());
  }

  /** Words of bitmaps of all layers. */
  static int words(Shape shape) {
    return shape.layers() * shape.words();
  }

  /**
   * A layer was split: the bundles in {@code hitBundles} are used.
   *
   * @param firstWord of the layer in bitmaps of all layers
   * @param missBundles may be admitted after this
   */
  abstract void looked(int firstWord, long[] hitBundles, long[] missBundles);

  /** A resident was admitted once more: it is used. */
  abstract void usedAgain(int position);

  /**
   * Sees to it that a slot is free for a bundle that has none, unless another one is worth more.
   *
   * @return false if it gets no slot
   */
  abstract boolean makeRoom(int position);

  /** A bundle has its slot now, and is used. */
  abstract void admitted(int position);

  /** All that is not pinned has lost its slot. */
  abstract void cleared();

  @Override
  public final int pin(int layer, int bundle) {
    if (begun) {
      throw new IllegalStateException("bundles can be pinned only before the first token");
    }
    int at = position(layer, bundle);
    int slot = residents.slotOf(at);
    if (slot < 0 && residents.freeSlots() > 0) {
      slot = residents.place(at);
      residents.pin(at);
    }
    return slot;
  }

  @Override
  public final void split(int layer, long[] active, long[] hitBundles, long[] missBundles) {
    begin();
    long[] present = residents.present;
    int base = firstWord(layer);
    int last = wordsPerLayer - 1;
    int hitCount = 0;
    int missCount = 0;
    for (int i = 0; i <= last; i++) {
      long wanted = i == last ? active[i] & lastWordMask : active[i];
      long hit = wanted & present[base + i];
      long miss = wanted & ~hit;
      missBundles[i] = miss;
      hitBundles[i] = hit;
      hitCount += Long.bitCount(hit);
      missCount += Long.bitCount(miss);
    }
    hits += hitCount;
    misses += missCount;
    looked(base, hitBundles, missBundles);
  }

  @Override
  public final void absent(int layer, long[] bundles, long[] absentBundles) {
    int base = firstWord(layer);
    for (int i = 0; i < wordsPerLayer; i++) {
      absentBundles[i] = bundles[i] & ~residents.present[base + i];
    }
    absentBundles[wordsPerLayer - 1] &= lastWordMask;
  }

  @Override
  public final int slotOf(int layer, int bundle) {
    return residents.slotOf(position(layer, bundle));
  }

  @Override
  public final int admit(int layer, int bundle) {
    begin();
    int at = position(layer, bundle);
    int slot = residents.slotOf(at);
    if (slot >= 0) {
      usedAgain(at);
      return slot;
    }
    if (!makeRoom(at)) {
      refused++;
      return -1;
    }
    slot = residents.place(at);
    admitted++;
    admitted(at);
    return slot;
  }

  @Override
  public final void clear() {
    residents.clear();
    cleared();
  }

  /** Once, before the first use: from here on it is known how many slots are pinned. */
  void pinned() {}

  final void begin() {
    if (!begun) {
      begun = true;
      pinned();
    }
  }

  final void drop(int word, long bundles) {
    residents.drop(word, bundles);
    dropped += Long.bitCount(bundles);
  }

  final void drop(int position) {
    drop(position >>> 6, 1L << position);
  }

  final int bundles() {
    return shape.bundles();
  }

  private int firstWord(int layer) {
    return Objects.checkIndex(layer, shape.layers()) * wordsPerLayer;
  }

  private int position(int layer, int bundle) {
    return (firstWord(layer) << 6) + Objects.checkIndex(bundle, shape.bundlesPerLayer());
  }

  @Override
  public final void resetCounters() {
    hits = 0;
    misses = 0;
    admitted = 0;
    dropped = 0;
    refused = 0;
  }

  @Override
  public final long hits() {
    return hits;
  }

  @Override
  public final long misses() {
    return misses;
  }

  @Override
  public final long admitted() {
    return admitted;
  }

  @Override
  public final long dropped() {
    return dropped;
  }

  @Override
  public final long refused() {
    return refused;
  }

  @Override
  public final int residentBundles() {
    return residents.count();
  }

  @Override
  public final int pinnedBundles() {
    return residents.pinnedCount();
  }
}
