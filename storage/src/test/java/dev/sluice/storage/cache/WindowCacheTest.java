package dev.sluice.storage.cache;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class WindowCacheTest {
  private static final WindowCache.Shape SHAPE = new WindowCache.Shape(2, 100);

  @Test
  void fixedWindowKeepsExactlyItsTokens() {
    WindowCache cache = new WindowCache(SHAPE, 8, 200, Window.fixed(3));
    cache.admit(1, 42);
    for (int token = 0; token < 3; token++) {
      cache.endToken();
      assertTrue(cache.slotOf(1, 42) >= 0, "after " + token);
    }
    cache.endToken();
    assertEquals(-1, cache.slotOf(1, 42));
    assertEquals(1, cache.dropped());
    assertEquals(0, cache.residentBundles());
  }

  @Test
  void useRenewsTheWindow() {
    WindowCache cache = new WindowCache(SHAPE, 64, 200, Window.fixed(2));
    cache.admit(0, 5);
    cache.admit(0, 6);
    for (int token = 0; token < 6; token++) {
      long[] active = {1L << 5, 0};
      cache.split(0, active, active, new long[2]);
      assertEquals(1L << 5, active[0]);
      cache.endToken();
    }
    assertTrue(cache.slotOf(0, 5) >= 0);
    assertEquals(-1, cache.slotOf(0, 6));
  }

  @Test
  void automaticWindowKeepsEverythingWhileSlotsLast() {
    WindowCache cache = new WindowCache(SHAPE, 16, 200, Window.auto());
    for (int token = 0; token < 300; token++) {
      if (token < 200) {
        cache.admit(token / 100, token % 100);
      }
      cache.endToken();
    }
    assertEquals(200, cache.residentBundles());
    assertEquals(300, cache.windowTokens());
    assertEquals(0, cache.dropped() + cache.refused());
  }

  @Test
  void automaticWindowFreesTheNextTokensMisses() {
    WindowCache cache = new WindowCache(SHAPE, 4, 40, Window.auto());
    for (int token = 0; token < 100; token++) {
      for (int i = 0; i < 10; i++) {
        assertTrue(cache.admit(token % 2, (token / 2 * 10 + i) % 100) >= 0, "token " + token);
      }
      cache.endToken();
      assertTrue(cache.residentBundles() <= 30);
    }
    assertEquals(3, cache.windowTokens());
    assertEquals(1_000, cache.admitted());
  }

  @Test
  void whatTheTokenUsedSurvivesEvenWithoutReserve() {
    WindowCache cache = new WindowCache(SHAPE, 2, 10, Window.auto());
    for (int i = 0; i < 50; i++) {
      assertEquals(i < 10, cache.admit(0, i) >= 0);
    }
    cache.endToken();
    assertEquals(10, cache.residentBundles());
    long[] hits = new long[2];
    cache.split(0, new long[] {0b11111, 0}, hits, new long[2]);
    assertArrayEquals(new long[] {0b11111, 0}, hits);
    cache.endToken();
    assertEquals(5, cache.residentBundles());
    assertEquals(40, cache.refused());
  }

  @Test
  void caffeineExpiresSegmentsThatWentUnused() {
    SegmentIndexProbe probe = new SegmentIndexProbe();
    for (int segment = 0; segment < 4; segment++) {
      probe.index.resize(segment, segment + 1);
    }
    assertEquals(10, probe.index.weightBundles());
    probe.index.at(1);
    probe.index.use(2);
    probe.index.expire(2, 2);
    assertEquals("0 1 3 ", probe.expired.toString());
    assertEquals(3, probe.index.weightBundles());
    probe.index.expire(3, 3);
    assertEquals(1, probe.index.entries());
    probe.index.expire(3, 2);
    assertEquals("0 1 3 2 ", probe.expired.toString());
  }

  @Test
  void pinnedBundlesNeedTheTimeBeforeTheFirstToken() {
    WindowCache cache = new WindowCache(SHAPE, 8, 2, Window.fixed(1));
    assertEquals(0, cache.pin(0, 3));
    assertEquals(0, cache.pin(0, 3));
    assertEquals(1, cache.pin(1, 3));
    assertEquals(-1, cache.pin(1, 4));
    cache.clear();
    assertEquals(2, cache.residentBundles());
    cache.endToken();
    assertThrows(IllegalStateException.class, () -> cache.pin(0, 4));
    assertEquals(0, cache.slotOf(0, 3));
  }

  @Test
  void refusesWhatMakesNoSense() {
    Window auto = Window.auto();
    for (int segment : new int[] {0, 3, 128, -64, Integer.MIN_VALUE}) {
      assertThrows(
          IllegalArgumentException.class, () -> new WindowCache(SHAPE, segment, 1, auto));
    }
    assertThrows(IllegalArgumentException.class, () -> new WindowCache(SHAPE, 8, -1, auto));
    assertThrows(IllegalArgumentException.class, () -> new WindowCache.Shape(0, 4));
    assertThrows(IllegalArgumentException.class, () -> new WindowCache.Shape(1 << 20, 1 << 12));
    assertThrows(IllegalArgumentException.class, () -> Window.fixed(-1));
    assertThrows(IllegalArgumentException.class, () -> Window.fixed(Window.MAX_TOKENS + 1));
    WindowCache cache = new WindowCache(SHAPE, 8, 10, auto);
    assertThrows(IndexOutOfBoundsException.class, () -> cache.slotOf(0, 100));
    assertThrows(IndexOutOfBoundsException.class, () -> cache.admit(2, 0));
  }

  private static final class SegmentIndexProbe {
    final StringBuilder expired = new StringBuilder();
    final SegmentIndex index =
        new SegmentIndex(4, 100, segment -> expired.append(segment).append(' '));
  }
}
