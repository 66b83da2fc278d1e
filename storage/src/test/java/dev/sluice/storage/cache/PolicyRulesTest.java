package dev.sluice.storage.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.cache.BundleCache.Shape;
import java.util.LinkedHashSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Each policy's own rule, against examples worked out by hand and against plain collections. */
class PolicyRulesTest {
  private static final Shape ONE = new Shape(1, 64);

  /** One layer's token: names bundles and admits all that are missed. */
  private static void token(BundleCache cache, int... bundles) {
    use(cache, 0, bundles);
    cache.endToken();
  }

  private static void use(BundleCache cache, int layer, int... bundles) {
    long[] active = new long[1];
    for (int bundle : bundles) {
      active[0] |= 1L << bundle;
    }
    long[] misses = new long[1];
    cache.split(layer, active, new long[1], misses);
    for (int bundle = 0; bundle < 64; bundle++) {
      if ((misses[0] >>> bundle & 1) != 0) {
        cache.admit(layer, bundle);
      }
    }
  }

  /** Bundles in slots, ascending. */
  private static String residents(BundleCache cache, int layer) {
    StringBuilder text = new StringBuilder();
    for (int bundle = 0; bundle < 64; bundle++) {
      if (cache.slotOf(layer, bundle) >= 0) {
        text.append(bundle).append(' ');
      }
    }
    return text.toString().strip();
  }

  @Test
  void lruDropsWhatWasUsedLongestAgo() {
    BundleCache cache = new LruCache(ONE, 4);
    token(cache, 1, 2, 3);
    token(cache, 4);
    token(cache, 2);
    token(cache, 5); // 1 is the oldest
    assertEquals("2 3 4 5", residents(cache, 0));
    token(cache, 3, 6); // 4 goes: 3 has just been used
    assertEquals("2 3 5 6", residents(cache, 0));
    token(cache, 7, 8); // 2, then 5
    assertEquals("3 6 7 8", residents(cache, 0));
  }

  @Test
  void lruKeepsTheLayerAtHandAndTakesFromOthers() {
    BundleCache cache = new LruCache(new Shape(2, 64), 3);
    use(cache, 0, 1, 2);
    use(cache, 1, 1, 2, 3, 4); // takes the one free slot, then both of layer 0; then nothing is left
    assertEquals("", residents(cache, 0));
    assertEquals("1 2 3", residents(cache, 1));
    assertEquals(1, cache.refused());
    cache.endToken();
    use(cache, 0, 9);
    assertEquals("2 3", residents(cache, 1));
  }

  @Test
  void lruAgreesWithALinkedSet() {
    for (int seed = 0; seed < 50; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      int slots = 1 + random.nextInt(20);
      BundleCache cache = new LruCache(ONE, slots);
      LinkedHashSet<Integer> model = new LinkedHashSet<>(); // oldest first
      for (int token = 0; token < 200; token++) {
        int bundle = Math.min(random.nextInt(40), random.nextInt(40));
        boolean hit = model.remove(bundle);
        if (!hit && model.size() == slots) {
          model.removeFirst();
        }
        model.add(bundle);
        long hitsBefore = cache.hits();
        token(cache, bundle);
        assertEquals(hit, cache.hits() > hitsBefore, "seed " + seed + ", token " + token);
      }
    }
  }

  /** Ten slots: one of the small queue, nine of the main one. */
  @Test
  void s3FifoPromotesWhatWasUsedTwiceAndDropsTheRest() {
    BundleCache cache = new S3FifoCache(ONE, 10);
    token(cache, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9); // all in the small queue, 0 at its front
    token(cache, 0);
    token(cache, 0); // used twice since it came
    token(cache, 1); // once
    token(cache, 10); // 0 to the main queue, 1 out
    assertEquals("0 2 3 4 5 6 7 8 9 10", residents(cache, 0));
    token(cache, 11); // 2 out
    assertEquals("0 3 4 5 6 7 8 9 10 11", residents(cache, 0));
    for (int bundle = 12; bundle < 20; bundle++) {
      token(cache, bundle);
    }
    // Nine newest and what is in the main queue.
    assertEquals("0 11 12 13 14 15 16 17 18 19", residents(cache, 0));
  }

  @Test
  void s3FifoRemembersGhosts() {
    BundleCache cache = new S3FifoCache(ONE, 10);
    token(cache, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    token(cache, 10); // 0 is a ghost
    token(cache, 0); // 1 is a ghost, and 0 is in the main queue
    for (int bundle = 11; bundle < 30; bundle++) {
      token(cache, bundle); // through the small queue, which has nine
    }
    assertEquals("0 21 22 23 24 25 26 27 28 29", residents(cache, 0));
    // The ghosts are the last nine of those that left: 12 .. 20.
    token(cache, 13); // 21 becomes a ghost, for which 12 is forgotten; 13 to the main queue
    token(cache, 11); // forgotten: to the small queue
    for (int bundle = 30; bundle < 40; bundle++) {
      token(cache, bundle);
    }
    assertEquals("0 13 32 33 34 35 36 37 38 39", residents(cache, 0));
  }

  /** The small queue has fewer than its share only when the main queue has taken the others. */
  @Test
  void s3FifoReinsertsAsOftenAsUsed() {
    BundleCache cache = new S3FifoCache(ONE, 2); // one and one
    token(cache, 0, 1);
    token(cache, 0);
    token(cache, 0);
    token(cache, 2); // 0 to the main queue, 1 out
    assertEquals("0 2", residents(cache, 0));
    token(cache, 2);
    token(cache, 2);
    // 2 is used twice and goes to the main queue as well, behind 0, which is unused there and goes.
    token(cache, 3);
    assertEquals("2 3", residents(cache, 0));
    token(cache, 2); // once
    token(cache, 3);
    token(cache, 3);
    // 3 to the main queue; 2 comes to its front with one use and goes back; 3, unused there, goes.
    token(cache, 4);
    assertEquals("2 4", residents(cache, 0));
  }

  @Test
  void s3FifoCountsUsesUpToThree() {
    BundleCache cache = new S3FifoCache(ONE, 2);
    token(cache, 0, 1);
    token(cache, 0);
    token(cache, 0);
    token(cache, 2); // 0 in the main queue
    for (int i = 0; i < 10; i++) {
      token(cache, 0); // three uses, not ten
    }
    int rounds = 0;
    for (int bundle = 10; cache.slotOf(0, 0) >= 0; bundle++) {
      token(cache, bundle);
      token(cache, bundle);
      token(cache, bundle); // goes to the main queue when the next one comes
      rounds++;
      assertTrue(rounds < 10);
    }
    assertEquals(5, rounds);
  }

  @Test
  void rippleAdmitsSingleBundlesAndOneRunInItsLength() {
    long singles = 0;
    int[] admissions = new int[3];
    for (int seed = 0; seed < 600; seed++) {
      RippleCache cache = new RippleCache(new Shape(1, 64), 4, seed);
      token(cache, 60, 61, 62, 63); // slots are free: a run of four is taken whole
      assertEquals("60 61 62 63", residents(cache, 0));
      token(cache, 10, 20, 21, 30, 31, 32, 33);
      singles += cache.slotOf(0, 10) >= 0 ? 1 : 0;
      // What was admitted is in use, so that there is room for four in all.
      admissions[0] += cache.slotOf(0, 20) >= 0 ? 1 : 0;
      assertEquals(cache.slotOf(0, 20) >= 0, cache.slotOf(0, 21) >= 0, "a run is one draw");
      admissions[1] += cache.slotOf(0, 30) >= 0 ? 1 : 0;
    }
    assertEquals(600, singles);
    assertEquals(300, admissions[0], 40);
    assertEquals(150, admissions[1], 40);
  }

  /** The miss is the candidate; what is used often stays. */
  @Test
  void tinyLfuKeepsTheFrequentAgainstAScan() {
    BundleCache tinyLfu = new TinyLfuCache(new Shape(1, 2048), 100);
    BundleCache lru = new LruCache(new Shape(1, 2048), 100);
    long[] misses = new long[32];
    for (BundleCache cache : new BundleCache[] {tinyLfu, lru}) {
      long[] habit = new long[32];
      habit[0] = -1; // 64 bundles, used at every fourth token
      for (int token = 0; token < 400; token++) {
        long[] active = new long[32];
        if (token % 4 == 0) {
          active = habit;
        } else {
          active[1 + token % 31] = 0xff_ffff_ffffL << token % 7; // 40 of a scan
        }
        cache.split(0, active.clone(), new long[32], misses);
        for (int bundle = 0; bundle < 2048; bundle++) {
          if ((misses[bundle / 64] >>> bundle & 1) != 0) {
            cache.admit(0, bundle);
          }
        }
        cache.endToken();
      }
    }
    assertTrue(tinyLfu.hits() > 5000, "hits: " + tinyLfu.hits());
    assertTrue(lru.hits() < 200, "hits of LRU: " + lru.hits());
  }
}
