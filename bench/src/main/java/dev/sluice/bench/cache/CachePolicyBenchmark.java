package dev.sluice.bench.cache;

import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.cache.CachePolicy;
import org.openjdk.jmh.annotations.Param;

/** Each policy. */
public class CachePolicyBenchmark extends CacheBenchmark {
  /** Its name. */
  @Param({"window", "lru", "s3-fifo", "tiny-lfu", "ripple"})
  public String policy;

  @Override
  BundleCache open(BundleCache.Shape shape, int slots) {
    return CachePolicy.named(policy).open(shape, slots);
  }
}
