package dev.sluice.engine.ffn;

import dev.sluice.storage.cache.BundleCache;
import java.util.Arrays;

/**
 * Reads on where a layer's neurons are named before its input is known: because all are, or by a predictor that looks at the
 * FFN before. Its reads then follow those of the layer before without a pause, through its sums and attention (and the head,
 * where all are named). One caller at a time; owns nothing.
 */
final class ReadAhead {
  private static final int NONE = -1;

  private final BundleCache cache;
  private final int mostBundles;
  private final long[] absent;
  private BundleFetch fetch;
  private int layer = NONE; // that fetch is about

  /**
   * @param fetch for what comes next; changes place with the one at hand, whose lanes it shares
   * @param mostBundles a layer that lacks more is done in parts, and not read ahead
   */
  ReadAhead(DiskOrder order, BundleCache cache, BundleFetch fetch, int mostBundles) {
    this.cache = cache;
    this.fetch = fetch;
    this.mostBundles = mostBundles;
    absent = order.bitmap();
  }

  /**
   * When all of {@code current} has been started, reads what a layer lacks of the bundles named; nothing if that is more than can
   * be read ahead. From here to {@link #take} of that layer its residents must not change.
   */
  void after(BundleFetch current, int layer, long[] named) {
    if (plan(layer, named)) {
      current.follow(fetch);
    }
  }

  /** Reads what the first layer of a token lacks. */
  void first(long[] named) {
    if (plan(0, named)) {
      fetch.start();
    }
  }

  private boolean plan(int layer, long[] named) {
    cache.absent(layer, named, absent);
    if (DiskOrder.count(absent) > mostBundles) {
      return false;
    }
    fetch.plan(layer, absent);
    this.layer = layer;
    return true;
  }

  /** Whether nothing is under way. */
  boolean isIdle() {
    return layer == NONE;
  }

  /** Whether reads of a layer are under way. */
  boolean isAbout(int layer) {
    return this.layer == layer;
  }

  /**
   * Hands over the fetch with the reads that are under way.
   *
   * @param misses what their layer lacks
   * @param spent takes its place
   */
  BundleFetch take(long[] misses, BundleFetch spent) {
    if (!Arrays.equals(misses, absent)) {
      throw new IllegalStateException("what layer " + layer + " lacks has changed");
    }
    layer = NONE;
    BundleFetch planned = fetch;
    fetch = spent;
    return planned;
  }
}
