package dev.sluice.storage.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class CohortRingTest {
  @Test
  void unionIsThatOfTheHeldTokens() {
    for (int seed = 0; seed < 200; seed++) {
      SplittableRandom random = new SplittableRandom(seed);
      int capacity = 1 + random.nextInt(9);
      int words = 1 + random.nextInt(3);
      CohortRing ring = new CohortRing(capacity, words);
      Deque<long[]> held = new ArrayDeque<>();
      for (int step = 0; step < 200; step++) {
        int action = random.nextInt(100);
        if (action == 0) {
          ring.clear();
          held.clear();
        } else if (action < 35 && !held.isEmpty()) {
          ring.dropOldest();
          held.removeFirst();
        } else {
          long[] mask = random.longs(words).toArray();
          for (int i = 0; i < words; i++) {
            // One bit in eight.
            long half = random.nextLong();
            mask[i] &= half & random.nextLong();
            ring.current()[i] |= mask[i];
          }
          held.addLast(mask);
          if (held.size() > capacity) {
            held.removeFirst();
          }
          assertArrayEquals(mask, ring.finishToken());
        }
        assertEquals(held.size(), ring.size());
        for (int i = 0; i < words; i++) {
          long expected = 0;
          for (long[] mask : held) {
            expected |= mask[i];
          }
          assertEquals(expected, ring.older()[i] | ring.recent()[i], "seed " + seed);
        }
      }
    }
  }
}
