package dev.sluice.storage.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.sluice.storage.cache.BundleCache.Shape;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every policy keeps to, whatever else it decides. */
class BundleCacheContractTest {
  private static final int LIVES = 150;
  private static final int HEAP_LAYERS = 6;
  private static final int HEAP_BUNDLES = 4_096;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  static Stream<CachePolicy> policies() {
    return Stream.concat(CachePolicy.NAMES.stream().map(CachePolicy::named),
        Stream.of(new CachePolicy.Recent(Window.fixed(2), 4)));
  }

  /** Caffeine draws random numbers that no seed fixes. */
  private static void assumeDeterministic(CachePolicy policy) {
    Assumptions.assumeFalse(policy instanceof CachePolicy.TinyLfu);
  }

  @Test
  void namesAreThoseOfThePolicies() {
    for (String name : CachePolicy.NAMES) {
      assertEquals(name, CachePolicy.named(name).name());
    }
    assertThrows(IllegalArgumentException.class, () -> CachePolicy.named("fifo"));
  }

  @ParameterizedTest
  @MethodSource("policies")
  void randomLives(CachePolicy policy) {
    long operations = 0;
    for (int seed = 0; seed < LIVES; seed++) {
      operations += new CacheLife(policy, seed).run(10 + seed % 60);
    }
    assertTrue(operations > 50_000, "operations: " + operations);
  }

  @ParameterizedTest
  @MethodSource("policies")
  void theSameSequenceTheSameDecisions(CachePolicy policy) {
    assumeDeterministic(policy);
    for (int seed = 0; seed < 20; seed++) {
      CacheLife one = new CacheLife(policy, seed);
      CacheLife other = new CacheLife(policy, seed);
      one.run(40);
      other.run(40);
      assertEquals(one.decisions(), other.decisions(), "seed " + seed);
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void afterClearAsIfNoTokenHadBeenSeen(CachePolicy policy) {
    assumeDeterministic(policy);
    Shape shape = new Shape(2, 70);
    BundleCache used = policy.open(shape, 40);
    BundleCache fresh = policy.open(shape, 40);
    for (int bundle = 3; bundle < 70; bundle += 9) {
      assertEquals(used.pin(1, bundle), fresh.pin(1, bundle));
    }
    decisions(used, 5, 30);
    used.clear();
    assertEquals(used.pinnedBundles(), used.residentBundles());
    assertEquals(decisions(fresh, 6, 30), decisions(used, 6, 30));
  }

  @ParameterizedTest
  @MethodSource("policies")
  void givesNoSlotWhenAllArePinnedOrInUse(CachePolicy policy) {
    BundleCache cache = policy.open(new Shape(2, 100), 10);
    for (int bundle = 0; bundle < 4; bundle++) {
      assertTrue(cache.pin(0, bundle) >= 0);
    }
    long[] words = new long[2];
    cache.split(0, new long[] {0xffff0, 0}, words, words.clone());
    for (int bundle = 4; bundle < 20; bundle++) {
      assertEquals(bundle < 10, cache.admit(0, bundle) >= 0, "bundle " + bundle);
    }
    assertEquals(10, cache.refused());
    assertEquals(10, cache.residentBundles());
    cache.endToken();
    assertThrows(IllegalStateException.class, () -> cache.pin(0, 30));
    BundleCache pinned = policy.open(new Shape(1, 64), 1);
    pinned.pin(0, 9);
    pinned.split(0, new long[] {1}, words, words.clone());
    assertEquals(-1, pinned.admit(0, 0));
    assertEquals(0, pinned.admit(0, 9));
  }

  @ParameterizedTest
  @MethodSource("policies")
  void refusesWhatMakesNoSense(CachePolicy policy) {
    Shape shape = new Shape(2, 100);
    assertThrows(IllegalArgumentException.class, () -> policy.open(shape, -1));
    BundleCache cache = policy.open(shape, 500);
    assertThrows(IndexOutOfBoundsException.class, () -> cache.slotOf(0, 100));
    assertThrows(IndexOutOfBoundsException.class, () -> cache.admit(2, 0));
    assertThrows(IndexOutOfBoundsException.class,
        () -> cache.split(-1, new long[2], new long[2], new long[2]));
  }

  /** Counts the bytes that are allocated on this thread, exactly. */
  @ParameterizedTest
  @MethodSource("policies")
  void tokenOfHitsAllocatesNothing(CachePolicy policy) {
    BundleCache cache =
        policy.open(new Shape(HEAP_LAYERS, HEAP_BUNDLES), HEAP_LAYERS * HEAP_BUNDLES / 2);
    long[][] active = active(1);
    token(cache, active);
    long missesBefore = cache.misses();
    long bytes = Long.MAX_VALUE;
    for (int batch = 0; batch < 12 && bytes > 0; batch++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 300; i++) {
        token(cache, active);
      }
      bytes = threads.getCurrentThreadAllocatedBytes() - before;
    }
    assertEquals(missesBefore, cache.misses());
    assertEquals(0, bytes, "bytes in a batch of tokens");
  }

  @ParameterizedTest
  @MethodSource("policies")
  void heapIsWhatWasAnnounced(CachePolicy policy) {
    Shape shape = new Shape(HEAP_LAYERS, HEAP_BUNDLES);
    int slots = shape.bundles() / 2;
    long[][][] tokens = new long[4][][];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = active(i);
    }
    token(policy.open(shape, slots), tokens[0]); // what is loaded once is not counted
    long before = threads.getCurrentThreadAllocatedBytes();
    BundleCache cache = policy.open(shape, slots);
    for (long[][] active : tokens) {
      token(cache, active);
    }
    long bytes = threads.getCurrentThreadAllocatedBytes() - before;
    assertTrue(cache.residentBundles() > slots / 4, "hardly filled");
    long announced = policy.heapBytes(shape, slots);
    assertTrue(announced >= bytes && announced <= 2 * bytes,
        bytes + " of " + announced + " announced");
  }

  private static void token(BundleCache cache, long[][] active) {
    int words = HEAP_BUNDLES / 64;
    long[] hits = HITS.get();
    long[] misses = MISSES.get();
    for (int layer = 0; layer < HEAP_LAYERS; layer++) {
      cache.split(layer, active[layer], hits, misses);
      for (int word = 0; word < words; word++) {
        for (long rest = misses[word]; rest != 0; rest &= rest - 1) {
          cache.admit(layer, word << 6 | Long.numberOfTrailingZeros(rest));
        }
      }
    }
    cache.endToken();
  }

  private static final ThreadLocal<long[]> HITS =
      ThreadLocal.withInitial(() -> new long[HEAP_BUNDLES / 64]);
  private static final ThreadLocal<long[]> MISSES =
      ThreadLocal.withInitial(() -> new long[HEAP_BUNDLES / 64]);

  /** A tenth of the bundles. */
  private static long[][] active(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long[][] active = new long[HEAP_LAYERS][HEAP_BUNDLES / 64];
    for (long[] layer : active) {
      for (int b = 0; b < HEAP_BUNDLES; b++) {
        if (random.nextInt(10) == 0) {
          layer[b / 64] |= 1L << b;
        }
      }
    }
    return active;
  }

  /** The slots that misses got. */
  private static List<Integer> decisions(BundleCache cache, long seed, int tokens) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Integer> given = new ArrayList<>();
    long[] active = new long[2];
    long[] hits = new long[2];
    long[] misses = new long[2];
    for (int token = 0; token < tokens; token++) {
      for (int layer = 0; layer < 2; layer++) {
        long half = random.nextLong();
        active[0] = half & random.nextLong();
        active[1] = random.nextLong() & 63;
        cache.split(layer, active, hits, misses);
        for (int b = 0; b < 70; b++) {
          if ((misses[b / 64] >>> b & 1) != 0) {
            given.add(cache.admit(layer, b));
          }
        }
      }
      cache.endToken();
    }
    return given;
  }
}
