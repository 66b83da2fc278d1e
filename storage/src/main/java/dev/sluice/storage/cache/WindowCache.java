package dev.sluice.storage.cache;

import java.util.Arrays;

/**
 * Keeps what the last tokens used. A slot, once given, keeps its bundle until the token ends: {@link
 * #endToken} is the only place where slots change hands. It drops the bundles that the window no
 * longer covers and, when fewer slots are free than the next token is likely to miss, those unused
 * for longest, one token's cohort after the other. Short of a window of 0, the bundles of the token
 * that just ended stay. The reserve of free slots is the largest recent number of misses a token,
 * fading by an eighth each token, and never more than the bundles that are not resident.
 *
 * <p>Residency is a bitmap, the slots an array; Caffeine keeps account of segments of {@code segmentBundles} neighbours, by weight and by age,
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
public final class WindowCache extends SlotCache {
  /** The segment size that measured best; the figures are at the class. */
  public static final int DEFAULT_SEGMENT_BUNDLES = 64;

  /** Tokens whose cohorts an automatic window can tell apart; what is older forms one cohort. */
  static final int AUTO_COHORTS = 64;

  private static final int FADING_SHIFT = 3;

  private final int segmentShift;
  private final long segmentMask;
  private final int windowLimit;
  private final long[] expired;
  private final CohortRing cohorts;
  private final SegmentIndex index;

  private long[] used;
  private long token;
  private long oldestKeptToken;
  private int demand;
  private int recentDemand;
  private int pendingSegments;

  /**
   * An empty cache.
   *
   * @param segmentBundles bundles to a Caffeine entry: a power of two, 1 to 64
   * @param slots places for bundles, 0 or more; more than there are bundles are left unused
   */
  public WindowCache(Shape shape, int segmentBundles, int slots, Window window) {
    super(shape, slots);
    if (segmentBundles < 1 || segmentBundles > 64 || Integer.bitCount(segmentBundles) != 1) {
      throw new IllegalArgumentException(
          "a segment of " + segmentBundles + " bundles is not a power of two from 1 to 64");
    }
    segmentShift = Integer.numberOfTrailingZeros(segmentBundles);
    segmentMask = -1L >>> (64 - segmentBundles);
    windowLimit = windowLimit(window);
    int words = words(shape);
    expired = new long[words];
    cohorts = new CohortRing(cohortCapacity(window), words);
    used = cohorts.current();
    index =
        new SegmentIndex((words * 64) >> segmentShift, usableSlots(shape, slots),
            this::segmentExpired);
  }

  /** The heap that a cache of this kind takes, in bytes, Caffeine's entries estimated. */
  public static long heapBytes(Shape shape, int segmentBundles, int slots, Window window) {
    int words = words(shape);
    return heapBytes(shape, slots)
        + CohortRing.heapBytes(cohortCapacity(window), words)
        + (long) words * Long.BYTES
        + SegmentIndex.heapBytes(words * 64L / segmentBundles, usableSlots(shape, slots));
  }

  @Override
  void looked(int firstWord, long[] hitBundles, long[] missBundles) {
    for (int i = 0; i < wordsPerLayer; i++) {
      used[firstWord + i] |= hitBundles[i];
    }
  }

  @Override
  void usedAgain(int position) {
    used[position >>> 6] |= 1L << position;
  }

  @Override
  boolean makeRoom(int position) {
    demand++;
    return residents.freeSlots() > 0;
  }

  @Override
  void admitted(int position) {
    used[position >>> 6] |= 1L << position;
  }

  /**
   * Ends the token: drops what the window no longer covers or the reserve needs, and moves time on.
   */
  @Override
  public void endToken() {
    begin();
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

  @Override
  void pinned() {
    index.maximumBundles(residents.evictableSlots());
  }

  @Override
  void cleared() {
    index.clear();
    cohorts.clear();
    used = cohorts.current();
    oldestKeptToken = token;
    demand = 0;
    recentDemand = 0;
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
      reserve = Math.min(recentDemand, bundles() - residents.pinnedCount() - kept);
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
