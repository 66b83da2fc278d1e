package dev.sluice.engine.ffn;

import dev.sluice.storage.cache.BundleCache;
import java.util.Arrays;

/**
 * Reads on where every neuron is named anyway: what a layer lacks is known before its input, so its reads follow those of
 * the layer before without a pause, through its sums, attention and head. One caller at a time; owns nothing.
 */
final class ReadAhead {
  private static final int NONE = -1;

  private final BundleCache cache;
  private final int mostBundles;
  private final long[] all;
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
    all = order.everywhere();
  }

  /**
   * Reads what a layer lacks when all of {@code current} has been started. From here to {@link #take} of that layer its
   * residents must not change.
   */
  void after(BundleFetch current, int layer) {
    if (plan(layer)) {
      current.follow(fetch);
    }
  }

  /** Reads what the first layer of a token lacks. */
  void first() {
    if (plan(0)) {
      fetch.start();
    }
  }

  private boolean plan(int layer) {
    cache.absent(layer, all, absent);
    if (DiskOrder.count(absent) > mostBundles) {
      return false;
    }
    fetch.plan(layer, absent);
    this.layer = layer;
    return true;
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
