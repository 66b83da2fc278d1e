package dev.sluice.storage.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Counts the bytes that the cache allocates on this thread, exactly. */
class WindowCacheAllocationTest {
  private static final int LAYERS = 6;
  private static final int BUNDLES = 4_096;
  private static final int WORDS = BUNDLES / 64;
  private static final int TRACE_TOKENS = 64;

  /** Warm-up ends when a batch allocates nothing: what a token costs would show in every batch. */
  private static final int BATCH_TOKENS = 300;

  private static final int MAXIMUM_BATCHES = 12;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final long[] hits = new long[WORDS];
  private final long[] misses = new long[WORDS];

  @Test
  void tokenOfHitsAllocatesNothing() {
    long[][][] trace = trace();
    for (Window window : new Window[] {Window.fixed(5), Window.auto()}) {
      for (int segment : new int[] {8, 64}) {
        WindowCache cache = cache(segment, window);
        token(cache, trace[0]);
        long missesBefore = cache.misses();
        long bytes = Long.MAX_VALUE;
        for (int batch = 0; batch < MAXIMUM_BATCHES && bytes > 0; batch++) {
          long before = threads.getCurrentThreadAllocatedBytes();
          for (int i = 0; i < BATCH_TOKENS; i++) {
            token(cache, trace[0]);
          }
          bytes = threads.getCurrentThreadAllocatedBytes() - before;
        }
        assertEquals(missesBefore, cache.misses());
        assertEquals(0, bytes, "bytes in a batch of tokens, " + segment + ", " + window);
      }
    }
  }

  @Test
  void missAllocatesLittle() {
    long[][][] trace = trace();
    for (int segment : new int[] {16, 32, 64}) {
      WindowCache cache = cache(segment, Window.auto());
      for (int i = 0; i < 2 * TRACE_TOKENS; i++) {
        token(cache, trace[i % TRACE_TOKENS]);
      }
      long missesBefore = cache.misses();
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 4 * TRACE_TOKENS; i++) {
        token(cache, trace[i % TRACE_TOKENS]);
      }
      long bytes = threads.getCurrentThreadAllocatedBytes() - before;
      long missed = cache.misses() - missesBefore;
      assertTrue(missed > 10_000, "misses: " + missed);
      assertTrue(bytes <= 256 * missed, segment + ": " + (double) bytes / missed + " bytes a miss");
    }
  }

  @Test
  void heapIsWhatWasAnnounced() {
    long[][][] trace = trace();
    for (int segment : new int[] {1, 8, 64}) {
      for (Window window : new Window[] {Window.fixed(20), Window.auto()}) {
        token(cache(segment, window), trace[0]);
        int slots = LAYERS * BUNDLES / 2;
        WindowCache.Shape shape = new WindowCache.Shape(LAYERS, BUNDLES);
        long before = threads.getCurrentThreadAllocatedBytes();
        WindowCache cache = cache(segment, window);
        for (int i = 0; i < 2; i++) {
          token(cache, trace[i]);
        }
        long bytes = threads.getCurrentThreadAllocatedBytes() - before;
        long announced = WindowCache.heapBytes(shape, segment, slots, window);
        String figures = bytes + " of " + announced + " announced, " + segment + ", " + window;
        assertTrue(announced >= bytes && announced <= 2 * bytes, figures);
      }
    }
  }

  private static WindowCache cache(int segmentBundles, Window window) {
    return new WindowCache(
        new WindowCache.Shape(LAYERS, BUNDLES), segmentBundles, LAYERS * BUNDLES / 2, window);
  }

  private void token(WindowCache cache, long[][] active) {
    for (int layer = 0; layer < LAYERS; layer++) {
      cache.split(layer, active[layer], hits, misses);
      for (int word = 0; word < WORDS; word++) {
        for (long rest = misses[word]; rest != 0; rest &= rest - 1) {
          cache.admit(layer, word << 6 | Long.numberOfTrailingZeros(rest));
        }
      }
    }
    cache.endToken();
  }

  /** A tenth of the bundles active, half of them as in the token before. */
  private static long[][][] trace() {
    SplittableRandom random = new SplittableRandom(7);
    long[][][] trace = new long[TRACE_TOKENS][LAYERS][WORDS];
    for (int token = 0; token < TRACE_TOKENS; token++) {
      for (int layer = 0; layer < LAYERS; layer++) {
        for (int b = 0; b < BUNDLES; b++) {
          boolean again =
              token > 0 && (trace[token - 1][layer][b / 64] >>> b & 1) == 1 && random.nextBoolean();
          if (again || random.nextDouble() < 0.055) {
            trace[token][layer][b / 64] |= 1L << b;
          }
        }
      }
    }
    return trace;
  }
}
