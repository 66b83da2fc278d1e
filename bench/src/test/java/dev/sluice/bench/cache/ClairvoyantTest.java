package dev.sluice.bench.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.cache.CachePolicy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ClairvoyantTest {
  @Test
  void keepsWhatIsNeededSoonest() {
    // One slot more than is pinned. 1 comes again before 2 does, and 3 never: only 1 is worth the slot.
    Clairvoyant cache = new Clairvoyant(sets(8, new int[][] {{0, 1}, {2}, {3}, {1}, {2}}), 2);
    assertEquals(0, cache.pin(0, 0));
    long missed = 0;
    for (int token = 0; token < 5; token++) {
      missed += token(cache, token, new int[][] {{0, 1}, {2}, {3}, {1}, {2}});
    }
    assertEquals(4, missed); // 1, 2, 3, 2
    assertEquals(2, cache.hits());
    assertEquals(3, cache.refused()); // 2 and 3, before 1 came again; and 2, which never comes again either
    assertThrows(IllegalStateException.class, () -> cache.pin(0, 5));
    cache.clear();
    assertEquals(1, cache.residentBundles());
  }

  /** The fewest misses of all that could be done, by trying everything. */
  @Test
  void noChoiceMissesLess() {
    for (int seed = 0; seed < 200; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      int bundles = 5;
      int slots = random.nextInt(4);
      int[][] wanted = new int[12][];
      for (int t = 0; t < wanted.length; t++) {
        wanted[t] = new int[] {random.nextInt(bundles)};
      }
      Clairvoyant cache = new Clairvoyant(sets(bundles, wanted), slots);
      long missed = 0;
      for (int t = 0; t < wanted.length; t++) {
        missed += token(cache, t, wanted);
        assertTrue(cache.residentBundles() <= slots);
      }
      assertEquals(fewest(wanted, 0, 0, slots, new HashMap<>()), missed, "seed " + seed);
    }
  }

  /** @param resident a bit for each bundle */
  private static int fewest(
      int[][] wanted, int t, int resident, int slots, Map<List<Integer>, Integer> known) {
    if (t == wanted.length) {
      return 0;
    }
    Integer before = known.get(List.of(t, resident));
    if (before != null) {
      return before;
    }
    int bit = 1 << wanted[t][0];
    int best;
    if ((resident & bit) != 0) {
      best = fewest(wanted, t + 1, resident, slots, known);
    } else {
      best = 1 + fewest(wanted, t + 1, resident, slots, known);
      if (Integer.bitCount(resident) < slots) {
        best = Math.min(best, 1 + fewest(wanted, t + 1, resident | bit, slots, known));
      }
      for (int rest = resident; rest != 0 && slots > 0; rest &= rest - 1) {
        int without = resident & ~Integer.lowestOneBit(rest);
        best = Math.min(best, 1 + fewest(wanted, t + 1, without | bit, slots, known));
      }
    }
    known.put(List.of(t, resident), best);
    return best;
  }

  /** Over several layers and with pins, every policy hits at most as often. */
  @Test
  void boundsAllPolicies() {
    HabitualTrace trace = new HabitualTrace(60, 3, 256, 0.1, 4);
    long[][][] active = new long[60][3][];
    for (int t = 0; t < 60; t++) {
      for (int layer = 0; layer < 3; layer++) {
        active[t][layer] = trace.active(t, layer);
      }
    }
    ActiveSets sets = ActiveSets.of(256, active);
    for (int slots : new int[] {40, 200, 600}) {
      for (int pins : new int[] {0, slots / 2}) {
        long bound = hits(new Clairvoyant(sets, slots), sets, pins);
        for (String name : CachePolicy.NAMES) {
          BundleCache cache = CachePolicy.named(name).open(new BundleCache.Shape(3, 256), slots);
          long hits = hits(cache, sets, pins);
          assertTrue(hits <= bound, name + ": " + hits + " of " + bound);
        }
      }
    }
  }

  private static long hits(BundleCache cache, ActiveSets sets, int pins) {
    for (int i = 0; i < pins; i++) {
      cache.pin(i % 3, i / 3);
    }
    long[] hits = new long[4];
    long[] misses = new long[4];
    for (int t = 0; t < sets.tokens(); t++) {
      for (int layer = 0; layer < 3; layer++) {
        cache.split(layer, sets.at(t, layer), hits, misses);
        for (int b = 0; b < 256; b++) {
          if ((misses[b / 64] >>> b & 1) != 0) {
            cache.admit(layer, b);
          }
        }
      }
      cache.endToken();
    }
    return cache.hits();
  }

  private static ActiveSets sets(int bundles, int[][] wanted) {
    List<long[][]> tokens = new ArrayList<>();
    for (int[] token : wanted) {
      tokens.add(new long[][] {{bits(token)}});
    }
    return ActiveSets.of(bundles, tokens.toArray(long[][][]::new));
  }

  private static long bits(int[] bundles) {
    long bits = 0;
    for (int bundle : bundles) {
      bits |= 1L << bundle;
    }
    return bits;
  }

  /** Returns how many were missed. */
  private static int token(Clairvoyant cache, int token, int[][] wanted) {
    long[] misses = new long[1];
    cache.split(0, new long[] {bits(wanted[token])}, new long[1], misses);
    for (int b = 0; b < 64; b++) {
      if ((misses[0] >>> b & 1) != 0) {
        cache.admit(0, b);
      }
    }
    cache.endToken();
    return Long.bitCount(misses[0]);
  }
}
