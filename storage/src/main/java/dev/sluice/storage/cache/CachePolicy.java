package dev.sluice.storage.cache;

import java.util.List;

/** Who stays in the slots that are not pinned. Immutable. */
public sealed interface CachePolicy {
  /** The names of all, for {@link #named}. */
  List<String> NAMES = List.of("window", "lru", "s3-fifo", "tiny-lfu", "ripple");

  /** Seed of those that draw. */
  long SEED = 1;

  /** As on the command line. */
  String name();

  /**
   * The one that took the least I/O time on held-out traces of those whose own work is small beside it; docs/method.md has the
   * figures.
   */
  static CachePolicy usual() {
    return new Ripple(SEED);
  }

  /**
   * An empty cache.
   *
   * @param slots places for bundles, 0 or more; more than there are bundles are left unused
   */
  BundleCache open(BundleCache.Shape shape, int slots);

  /** The heap that such a cache takes, in bytes; Caffeine's part estimated. */
  long heapBytes(BundleCache.Shape shape, int slots);

  /**
   * The policy of a name, as it is by default.
   *
   * @throws IllegalArgumentException if there is none
   */
  static CachePolicy named(String name) {
    return switch (name) {
      case "window" -> new Recent(Window.auto(), WindowCache.DEFAULT_SEGMENT_BUNDLES);
      case "lru" -> new Lru();
      case "s3-fifo" -> new S3Fifo();
      case "tiny-lfu" -> new TinyLfu();
      case "ripple" -> new Ripple(SEED);
      default -> throw new IllegalArgumentException("no cache policy is called " + name);
    };
  }

  /**
   * What was used within a window of tokens: {@link WindowCache}.
   *
   * @param segmentBundles bundles to a Caffeine entry: a power of two, 1 to 64
   */
  record Recent(Window window, int segmentBundles) implements CachePolicy {
    @Override
    public String name() {
      return "window";
    }

    @Override
    public BundleCache open(BundleCache.Shape shape, int slots) {
      return new WindowCache(shape, segmentBundles, slots, window);
    }

    @Override
    public long heapBytes(BundleCache.Shape shape, int slots) {
      return WindowCache.heapBytes(shape, segmentBundles, slots, window);
    }
  }

  /** What was used last, exactly and bundle by bundle. */
  record Lru() implements CachePolicy {
    @Override
    public String name() {
      return "lru";
    }

    @Override
    public BundleCache open(BundleCache.Shape shape, int slots) {
      return new LruCache(shape, slots);
    }

    @Override
    public long heapBytes(BundleCache.Shape shape, int slots) {
      return LruCache.heapBytes(shape, slots);
    }
  }

  /** What was used again soon, or often: S3-FIFO. */
  record S3Fifo() implements CachePolicy {
    @Override
    public String name() {
      return "s3-fifo";
    }

    @Override
    public BundleCache open(BundleCache.Shape shape, int slots) {
      return new S3FifoCache(shape, slots);
    }

    @Override
    public long heapBytes(BundleCache.Shape shape, int slots) {
      return S3FifoCache.heapBytes(shape, slots);
    }
  }

  /** What is used more often than what it would replace: Caffeine's W-TinyLFU. */
  record TinyLfu() implements CachePolicy {
    @Override
    public String name() {
      return "tiny-lfu";
    }

    @Override
    public BundleCache open(BundleCache.Shape shape, int slots) {
      return new TinyLfuCache(shape, slots);
    }

    @Override
    public long heapBytes(BundleCache.Shape shape, int slots) {
      return TinyLfuCache.heapBytes(shape, slots);
    }
  }

  /**
   * S3-FIFO, long runs on disk admitted less often.
   *
   * @param seed of the draws
   */
  record Ripple(long seed) implements CachePolicy {
    @Override
    public String name() {
      return "ripple";
    }

    @Override
    public BundleCache open(BundleCache.Shape shape, int slots) {
      return new RippleCache(shape, slots, seed);
    }

    @Override
    public long heapBytes(BundleCache.Shape shape, int slots) {
      return S3FifoCache.heapBytes(shape, slots) + (long) Long.BYTES * shape.words();
    }
  }
}
