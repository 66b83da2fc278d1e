package dev.sluice.bench.cache;

import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.cache.WindowCache;
import org.openjdk.jmh.annotations.Param;

/** The automatic window by segment size. */
public class WindowCacheBenchmark extends CacheBenchmark {
  /** Bundles to a Caffeine entry. */
  @Param({"1", "2", "4", "8", "16", "64"})
  public int segmentBundles;

  @Override
  BundleCache open(BundleCache.Shape shape, int slots) {
    return new WindowCache(shape, segmentBundles, slots, Window.auto());
  }
}
