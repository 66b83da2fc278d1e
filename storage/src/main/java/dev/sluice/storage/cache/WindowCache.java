package dev.sluice.storage.cache;

import java.util.Arrays;
import java.util.Objects;

/**
 * Decides which bundles are resident and in which slot. It hands out slot numbers, {@code 0 ..
 * slots-1}; the memory behind them belongs to the caller. One per session; not thread-safe.
 *
 * <p>Within a token the caller asks {@link #split} for each layer, {@link #slotOf} for the hits and
 * {@link #admit} for the misses; a slot, once given, keeps its bundle until the token ends. {@link
 * #endToken} is the only place where slots change hands: it drops the bundles that the window no
 * longer covers and, when fewer slots are free than the next token is likely to miss, those unused
 * for longest, one token's cohort after the other. Short of a window of 0, the bundles of the token
 * that just ended stay. The reserve of free slots is the largest recent number of misses a token,
 * fading by an eighth each token, and never more than the bundles that are not resident.
 *
 * <p>Bundles are named by their position on disk. Residency is a bitmap, the slots an array;
 * Caffeine keeps account of segments of {@code segmentBundles} neighbours, by weight and by age,
 * and expires those that went unused for the whole window.
 *
 * <p>Measured by {@code WindowCacheBenchmark} at 36 layers of 18,432 bundles, 10 % active in no
 * helpful order, slots for half, 8,117 misses a token (Zen 3, two processors shared with other
 * work); a token with everything, processor time in ms, and bytes allocated:
 *
 * <pre> segment, bundles      1     2     4     8    16    64 ms, trace          46.8  38.7  33.9
 * 16.6  11.0   2.7 ms, hits only      35.5  27.9  27.6  10.5   4.7   1.0 bytes a miss        182
 * 122    75    57    49    26 </pre>
 *
 * <p>Hence {@link #DEFAULT_SEGMENT_BUNDLES}. A token of hits allocates nothing.
 */
public final class WindowCache {
  /** The segment size that measured best; the figures are at the class. */
  public static final int DEFAULT_SEGMENT_BUNDLES = 64;

  /** Tokens whose cohorts an automatic window can tell apart; what is older forms one cohort. */
  static final int AUTO_COHORTS = 64;

  private static final int FADING_SHIFT = 3;

  private final Shape shape;
  private final int wordsPerLayer;
  private final long lastWordMask;
  private final int segmentShift;
  private final long segmentMask;
  private final int windowLimit;
  private final Residents residents;
  private final long[] expired;
  private final CohortRing cohorts;
  private final SegmentIndex index;

  private long[] used;
  private boolean begun;
  private long token;
  private long oldestKeptToken;
  private int demand;
  private int recentDemand;
  private int pendingSegments;

  private long hits;
  private long misses;
  private long admitted;
  private long dropped;
  private long refused;

  /**
   * The bundles that there are.
   *
   * @param layers at least 1
   * @param bundlesPerLayer at least 1
   */
  public record Shape(int layers, int bundlesPerLayer) {
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

    private static long paddedBundles(int bundles) {
      return (bundles + 63L) & -64L;
    }
  }

  /**
   * An empty cache.
   *
   * @param segmentBundles bundles to a Caffeine entry: a power of two, 1 to 64
   * @param slots places for bundles, 0 or more; more than there are bundles are left unused
   */
  public WindowCache(Shape shape, int segmentBundles, int slots, Window window) {
    if (segmentBundles < 1 || segmentBundles > 64 || Integer.bitCount(segmentBundles) != 1) {
      throw new IllegalArgumentException(
          "a segment of " + segmentBundles + " bundles is not a power of two from 1 to 64");
    }
    if (slots < 0) {
      throw new IllegalArgumentException("the number of slots is negative: " + slots);
    }
    this.shape = shape;
    wordsPerLayer = words(shape.bundlesPerLayer());
    lastWordMask = -1L >>> -shape.bundlesPerLayer();
    segmentShift = Integer.numberOfTrailingZeros(segmentBundles);
    segmentMask = -1L >>> (64 - segmentBundles);
    windowLimit = windowLimit(window);
    int words = shape.layers() * wordsPerLayer;
    int usableSlots = Math.min(slots, shape.bundles());
    residents = new Residents(words, usableSlots);
    expired = new long[words];
    cohorts = new CohortRing(cohortCapacity(window), words);
    used = cohorts.current();
    index = new SegmentIndex((words * 64) >> segmentShift, usableSlots, this::segmentExpired);
  }

  /** The heap that a cache of this kind takes, in bytes, Caffeine's entries estimated. */
  public static long heapBytes(Shape shape, int segmentBundles, int slots, Window window) {
    int words = shape.layers() * words(shape.bundlesPerLayer());
    int usableSlots = Math.min(slots, shape.bundles());
    return Residents.heapBytes(words, usableSlots)
        + CohortRing.heapBytes(cohortCapacity(window), words)
        + (long) words * Long.BYTES
        + SegmentIndex.heapBytes(words * 64L / segmentBundles, usableSlots);
  }

  /**
   * Gives a bundle a slot for ever. Only before the first token.
   *
   * @return its slot, or -1 when none is left
   * @throws IllegalStateException after the first token began
   */
  public int pin(int layer, int bundle) {
    if (begun) {
      throw new IllegalStateException("bundles can be pinned only before the first token");
    }
    int at = position(layer, bundle);
    if (residents.slotOf(at) < 0 && residents.freeSlots() > 0) {
      residents.place(at);
      residents.pin(at);
    }
    return residents.slotOf(at);
  }

  /**
   * Parts a layer's active bundles into those that are resident and those that are not, and notes
   * the use of the former. Bitmaps have {@code ceil(bundlesPerLayer / 64)} words, bundle b in bit
   * b; {@code hitBundles} may be the same array as {@code active}.
   *
   * @param active wanted bundles; bits past the last bundle are ignored
   * @param hitBundles is overwritten: active and resident
   * @param missBundles is overwritten: active and not resident
   */
  public void split(int layer, long[] active, long[] hitBundles, long[] missBundles) {
    begun = true;
    long[] present = residents.present;
    int base = Objects.checkIndex(layer, shape.layers()) * wordsPerLayer;
    int last = wordsPerLayer - 1;
    int hitCount = 0;
    int missCount = 0;
    for (int i = 0; i <= last; i++) {
      long wanted = i == last ? active[i] & lastWordMask : active[i];
      long hit = wanted & present[base + i];
      long miss = wanted & ~hit;
      missBundles[i] = miss;
      hitBundles[i] = hit;
      used[base + i] |= hit;
      hitCount += Long.bitCount(hit);
      missCount += Long.bitCount(miss);
    }
    hits += hitCount;
    misses += missCount;
  }

  /**
   * Which of a layer's bundles are not resident, without counting as use of those that are. Bitmaps as in {@link #split};
   * both may be the same array.
   */
  public void absent(int layer, long[] bundles, long[] absentBundles) {
    int base = Objects.checkIndex(layer, shape.layers()) * wordsPerLayer;
    for (int i = 0; i < wordsPerLayer; i++) {
      absentBundles[i] = bundles[i] & ~residents.present[base + i];
    }
    absentBundles[wordsPerLayer - 1] &= lastWordMask;
  }

  /** The slot of a bundle, -1 when it is not resident. */
  public int slotOf(int layer, int bundle) {
    return residents.slotOf(position(layer, bundle));
  }

  /**
   * Makes a missed bundle resident; it counts as used by this token. A bundle that is resident
   * keeps the slot that it has.
   *
   * @return its slot, or -1 when none is free: the bundle then streams through the caller's staging
   *     memory
   */
  public int admit(int layer, int bundle) {
    begun = true;
    int at = position(layer, bundle);
    if (residents.slotOf(at) < 0) {
      demand++;
      if (residents.freeSlots() == 0) {
        refused++;
        return -1;
      }
      residents.place(at);
      admitted++;
    }
    used[at >>> 6] |= 1L << at;
    return residents.slotOf(at);
  }

  /**
   * Ends the token: drops what the window no longer covers or the reserve needs, and moves time on.
   */
  public void endToken() {
    if (token == 0) {
      begun = true;
      index.maximumBundles(residents.evictableSlots());
    }
    index.at(token);
    token++;
    long[] usedByEnded = cohorts.finishToken();
    recentDemand = Math.max(demand, recentDemand - ((recentDemand + 7) >> FADING_SHIFT));
    demand = 0;
    long oldestKeptBefore = oldestKeptToken;
    chooseWindow();
    pendingSegments = 0;
    for (int word = 0; word < usedByEnded.length; word++) {
      settleWord(word, usedByEnded[word] & ~residents.pinned[word]);
    }
    if (oldestKeptToken == oldestKeptBefore) {
      index.expireNothing();
    } else {
      index.expire(token, windowTokens() + 1);
      removeOverdueSegments();
    }
    used = cohorts.current();
  }

  /** Empties every slot that is not pinned, as if no token had been seen; the counters stay. */
  public void clear() {
    index.clear();
    residents.clear();
    cohorts.clear();
    used = cohorts.current();
    oldestKeptToken = token;
    demand = 0;
    recentDemand = 0;
  }

  /** Sets the five counters to 0. */
  public void resetCounters() {
    hits = 0;
    misses = 0;
    admitted = 0;
    dropped = 0;
    refused = 0;
  }

  /** Active bundles found resident by {@link #split}. */
  public long hits() {
    return hits;
  }

  /** Active bundles found absent by {@link #split}. */
  public long misses() {
    return misses;
  }

  /** Bundles given a slot by {@link #admit}. */
  public long admitted() {
    return admitted;
  }

  /** Bundles that lost their slot at a token boundary. */
  public long dropped() {
    return dropped;
  }

  /** Bundles that {@link #admit} had no slot for. */
  public long refused() {
    return refused;
  }

  /** Bundles in slots now, the pinned ones included. */
  public int residentBundles() {
    return residents.count();
  }

  /** Bundles pinned. */
  public int pinnedBundles() {
    return residents.pinnedCount();
  }

  /**
   * The window in force: every bundle in a slot was used within so many finished tokens, or is
   * pinned.
   */
  public long windowTokens() {
    return token - oldestKeptToken;
  }

  SegmentIndex index() {
    return index;
  }

  /**
   * Shortens the window until the bundles it keeps leave the reserve free; marks the others as
   * expired.
   */
  private void chooseWindow() {
    while (cohorts.size() > windowLimit) {
      cohorts.dropOldest();
    }
    oldestKeptToken = Math.max(oldestKeptToken, token - windowLimit);
    int kept;
    int reserve;
    do {
      kept = markExpired();
      reserve = Math.min(recentDemand, shape.bundles() - residents.pinnedCount() - kept);
    } while (residents.evictableSlots() - kept < reserve && shortenWindow());
  }

  /** Returns false when only the cohort of the token that just ended is left. */
  private boolean shortenWindow() {
    long oldestCohort = token - cohorts.size();
    if (oldestKeptToken < oldestCohort) {
      oldestKeptToken = oldestCohort;
      return true;
    }
    if (cohorts.size() <= 1) {
      return false;
    }
    cohorts.dropOldest();
    oldestKeptToken++;
    return true;
  }

  /** Returns how many bundles the window keeps, the pinned ones left out. */
  private int markExpired() {
    if (oldestKeptToken < token - cohorts.size()) {
      Arrays.fill(expired, 0);
      return residents.evictableSlots() - residents.freeSlots();
    }
    long[] older = cohorts.older();
    long[] recent = cohorts.recent();
    int kept = 0;
    for (int i = 0; i < expired.length; i++) {
      long evictable = residents.evictable(i);
      long keep = evictable & (older[i] | recent[i]);
      expired[i] = evictable & ~keep;
      kept += Long.bitCount(keep);
    }
    return kept;
  }

  /**
   * Brings the segments of one word up to date, save those that wait for Caffeine to expire them.
   */
  private void settleWord(int word, long usedBits) {
    long gone = expired[word];
    long live = residents.evictable(word);
    long open = usedBits | gone;
    while (open != 0) {
      int shift = Long.numberOfTrailingZeros(open) >> segmentShift << segmentShift;
      long mask = segmentMask << shift;
      open &= ~mask;
      int segment = (word << 6 | shift) >> segmentShift;
      int kept = Long.bitCount(live & mask & ~gone);
      if (kept == 0 && index.residentBundles(segment) > 0) {
        pendingSegments++;
        continue;
      }
      drop(word, gone & mask);
      if (kept != index.residentBundles(segment)) {
        index.resize(segment, kept);
      } else if (kept > 0) {
        index.use(segment);
      }
    }
  }

  private void segmentExpired(int segment) {
    pendingSegments--;
    int first = segment << segmentShift;
    int word = first >>> 6;
    drop(word, residents.evictable(word) & segmentMask << first);
  }

  /**
   * Takes out the segments that hold nothing any more but that Caffeine, having heard of changes,
   * finds young.
   */
  private void removeOverdueSegments() {
    for (int word = 0; pendingSegments > 0; word++) {
      long gone = expired[word] & residents.present[word];
      while (gone != 0) {
        int first = word << 6 | Long.numberOfTrailingZeros(gone);
        int segment = first >> segmentShift;
        index.evict(segment);
        gone &= residents.present[word];
      }
    }
  }

  private void drop(int word, long bundles) {
    residents.drop(word, bundles);
    dropped += Long.bitCount(bundles);
  }

  private int position(int layer, int bundle) {
    return Objects.checkIndex(layer, shape.layers()) * wordsPerLayer * 64
        + Objects.checkIndex(bundle, shape.bundlesPerLayer());
  }

  private static int words(int bundles) {
    return (bundles + 63) >>> 6;
  }

  private static int windowLimit(Window window) {
    return switch (window) {
      case Window.Fixed(int tokens) -> tokens;
      case Window.Auto() -> Integer.MAX_VALUE;
    };
  }

  private static int cohortCapacity(Window window) {
    return switch (window) {
      case Window.Fixed(int tokens) -> Math.max(1, tokens);
      case Window.Auto() -> AUTO_COHORTS;
    };
  }
}
