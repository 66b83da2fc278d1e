package dev.sluice.storage.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy.Eviction;
import com.github.benmanes.caffeine.cache.Policy.FixedExpiration;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;

/**
 * Caffeine's account of the resident segments: weight in bundles, time in tokens (one token is one
 * nanosecond of its ticker), expiry after access.
 *
 * <p>All calls come from the session's thread at a token boundary, and maintenance runs on that
 * thread inside them, so an eviction can never meet a bundle in use. Weights never exceed the
 * maximum, because a bundle needs a slot before it adds to one; eviction by size, which goes by
 * frequency and not by age, therefore never happens, and the maximum stands as the bound.
 */
final class SegmentIndex {

  /** Caffeine keeps exact access times only while the expiry is at most a second of its ticker. */
  private static final long NEVER = 1_000_000_000;

  private final IntConsumer evicted;
  private final Segment[] segments;
  private final Cache<Integer, Segment> cache;
  private final Eviction<Integer, Segment> eviction;
  private final FixedExpiration<Integer, Segment> expiration;
  private long clockTokens;
  private long expiryTokens = NEVER;

  /**
   * @param count segments of all layers
   * @param maximumBundles the most bundles that may be resident
   * @param evicted told the number of a segment that Caffeine expired, after it left the account
   */
  SegmentIndex(int count, long maximumBundles, IntConsumer evicted) {
    segments = new Segment[count];
    for (int i = 0; i < count; i++) {
      segments[i] = new Segment(i);
    }
    this.evicted = evicted;
    cache =
        Caffeine.newBuilder()
            .initialCapacity(count)
            .executor(Runnable::run)
            .ticker(() -> clockTokens)
            .expireAfterAccess(NEVER, TimeUnit.NANOSECONDS)
            .maximumWeight(maximumBundles)
            .weigher((Integer key, Segment segment) -> segment.residentBundles)
            .evictionListener((key, segment, cause) -> report(segment))
            .build();
    eviction = cache.policy().eviction().orElseThrow();
    expiration = cache.policy().expireAfterAccess().orElseThrow();
  }

  /** An object for each segment, an entry for each that can be resident at once, and buffers. */
  static long heapBytes(long segments, long maximumBundles) {
    return 48 * 1024 + 56 * segments + 152 * Math.min(segments, maximumBundles);
  }

  int residentBundles(int segment) {
    return segments[segment].residentBundles;
  }

  /** Starts the account of a token: what {@link #use} and {@link #resize} tell happened then. */
  void at(long token) {
    clockTokens = token;
  }

  /** Notes that a segment was used without a change in what it holds. */
  void use(int segment) {
    var _ = cache.getIfPresent(segments[segment].key);
  }

  /** Notes that a segment now holds another number of bundles, at least 1. */
  void resize(int segment, int residentBundles) {
    Segment entry = segments[segment];
    entry.residentBundles = residentBundles;
    cache.put(entry.key, entry);
  }

  /** Lets segments expire that reach this age now. */
  void expire(long nowTokens, long ageTokens) {
    clockTokens = nowTokens;
    if (ageTokens == expiryTokens) {
      cache.cleanUp();
    } else {
      setExpiry(ageTokens);
    }
  }

  /** For a window that grows: telling Caffeine a new expiry at each token would allocate. */
  void expireNothing() {
    if (expiryTokens != NEVER) {
      setExpiry(NEVER);
    }
  }

  /**
   * Takes a segment out and reports it as evicted, once, whether or not Caffeine finds it expired.
   */
  void evict(int segment) {
    Segment entry = segments[segment];
    cache.invalidate(entry.key);
    if (entry.residentBundles > 0) {
      report(entry);
    }
  }

  void maximumBundles(long bundles) {
    eviction.setMaximum(bundles);
  }

  void clear() {
    cache.invalidateAll();
    for (Segment segment : segments) {
      segment.residentBundles = 0;
    }
  }

  /** The sum of weights as Caffeine has it. */
  long weightBundles() {
    return eviction.weightedSize().orElseThrow();
  }

  /** The weight of one segment as Caffeine has it, 0 when absent. */
  int weightBundles(int segment) {
    return eviction.weightOf(segments[segment].key).orElse(0);
  }

  /** Entries as Caffeine has them. */
  long entries() {
    return cache.estimatedSize();
  }

  private void report(Segment segment) {
    segment.residentBundles = 0;
    evicted.accept(segment.key);
  }

  private void setExpiry(long tokens) {
    expiryTokens = tokens;
    expiration.setExpiresAfter(tokens, TimeUnit.NANOSECONDS);
  }

  /** One Caffeine entry: boxed once, reused for ever. */
  private static final class Segment {
    final Integer key;
    int residentBundles;

    Segment(int number) {
      key = number;
    }
  }
}
