package dev.sluice.storage.cache;

import java.util.Arrays;

/**
 * S3-FIFO (Yang et al., SOSP 2023): a small queue of a tenth of the slots, a main queue of the others, and a ghost queue that
 * remembers the last that left the small one, as many as the main one has slots. A miss enters the small queue, or the main one if the ghost remembers it.
 * What leaves the small queue goes to the main one if it was used at least twice meanwhile, else its slot is free and the ghost
 * remembers it. What comes to the front of the main queue goes back to its end as often as it was used, at most three times,
 * and then leaves.
 *
 * <p>The two-bit counts of uses are two bitmaps, so a layer's hits are counted 64 at a time. Bundles of the layer at hand that
 * come to the front of a queue go back to its end, since they must stay; when there is nothing else, a miss gets no slot.
 */
class S3FifoCache extends SlotCache {
  private static final int SMALL_SHARE = 10; // of the slots, one in so many
  private static final int MOST_USES = 3;

  private final IntQueue small;
  private final IntQueue main;
  private final LayerInUse layer;
  private final int[] leftSmall; // by position: which leaving of the small queue was its own; 0 if the ghost forgot it
  private final long[] usesLow; // bundles' uses since they entered their queue, saturating: bit 0
  private final long[] usesHigh; // bit 1
  private int smallTarget;
  private int ghostTarget;
  private int leavings; // of the small queue, so far
  private boolean allInUse; // nothing can leave before the next layer

  S3FifoCache(Shape shape, int slots) {
    super(shape, slots);
    int words = words(shape);
    int usable = usableSlots(shape, slots);
    small = new IntQueue(usable);
    main = new IntQueue(usable);
    layer = new LayerInUse(wordsPerLayer);
    leftSmall = new int[words * 64];
    usesLow = new long[words];
    usesHigh = new long[words];
  }

  static long heapBytes(Shape shape, int slots) {
    int words = words(shape);
    return SlotCache.heapBytes(shape, slots) + 2 * IntQueue.heapBytes(usableSlots(shape, slots))
        + 64L * words * Integer.BYTES + 2L * words * Long.BYTES;
  }

  /** Whether a miss may take another bundle's slot. */
  boolean mayReplace(int position) {
    return true;
  }

  @Override
  final void pinned() {
    smallTarget = Math.max(1, residents.evictableSlots() / SMALL_SHARE);
    ghostTarget = residents.evictableSlots() - smallTarget;
  }

  @Override
  void looked(int firstWord, long[] hitBundles, long[] missBundles) {
    layer.begin(firstWord, hitBundles);
    allInUse = false;
    for (int i = 0; i < wordsPerLayer; i++) {
      use(firstWord + i, hitBundles[i]);
    }
  }

  private void use(int word, long bundles) {
    long low = usesLow[word];
    long high = usesHigh[word];
    usesLow[word] = low & ~bundles | bundles & (~low | high);
    usesHigh[word] = high | bundles & low;
  }

  @Override
  final void usedAgain(int position) {
    layer.add(position);
    use(position >>> 6, 1L << position);
  }

  @Override
  final boolean makeRoom(int position) {
    if (residents.freeSlots() > 0) {
      return true;
    }
    if (allInUse || !mayReplace(position)) {
      return false;
    }
    allInUse = !(small.size() >= smallTarget ? dropFromSmall() || dropFromMain()
        : dropFromMain() || dropFromSmall());
    return !allInUse;
  }

  private boolean dropFromSmall() {
    for (int left = small.size(); left > 0; left--) {
      int oldest = small.poll();
      if (uses(oldest) > 1) {
        setUses(oldest, 0);
        main.add(oldest);
      } else if (layer.contains(oldest)) {
        small.add(oldest);
      } else {
        leavings++;
        leftSmall[oldest] = leavings;
        drop(oldest);
        return true;
      }
    }
    return false;
  }

  private boolean dropFromMain() {
    for (long left = (MOST_USES + 1L) * main.size(); left > 0; left--) {
      int oldest = main.poll();
      int uses = uses(oldest);
      if (layer.contains(oldest)) {
        main.add(oldest);
      } else if (uses > 0) {
        setUses(oldest, uses - 1);
        main.add(oldest);
      } else {
        drop(oldest);
        return true;
      }
    }
    return false;
  }

  /** The ghost queue is never looked through, so the number of those that entered it later is all there need be of it. */
  private boolean isRemembered(int position) {
    return leftSmall[position] != 0 && leavings - leftSmall[position] < ghostTarget;
  }

  @Override
  final void admitted(int position) {
    layer.add(position);
    setUses(position, 0);
    (isRemembered(position) ? main : small).add(position);
    leftSmall[position] = 0;
  }

  @Override
  public final void endToken() {
    begin();
    layer.end();
    allInUse = false;
  }

  @Override
  void cleared() {
    small.clear();
    main.clear();
    layer.end();
    allInUse = false;
    leavings = 0;
    Arrays.fill(leftSmall, 0);
    Arrays.fill(usesLow, 0);
    Arrays.fill(usesHigh, 0);
  }

  private int uses(int position) {
    int word = position >>> 6;
    return (int) (usesHigh[word] >>> position & 1) << 1 | (int) (usesLow[word] >>> position & 1);
  }

  private void setUses(int position, int uses) {
    int word = position >>> 6;
    long bit = 1L << position;
    usesLow[word] = (uses & 1) == 0 ? usesLow[word] & ~bit : usesLow[word] | bit;
    usesHigh[word] = (uses & 2) == 0 ? usesHigh[word] & ~bit : usesHigh[word] | bit;
  }
}
