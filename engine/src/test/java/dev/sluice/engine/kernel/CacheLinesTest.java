package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class CacheLinesTest {
  @Test
  void touchingStaysWithinMemory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(1000);
      CacheLines.touch(memory, 0, 1000);
      CacheLines.touch(memory, 1000, 0);
      assertThrows(IndexOutOfBoundsException.class, () -> CacheLines.touch(memory, 1, 1000));
      assertThrows(IndexOutOfBoundsException.class, () -> CacheLines.touch(memory, 0, -1));
    }
  }

  /** As many lines are touched ahead as a stretch has, so a stretch must be even and the next no shorter, but for the last. */
  @Test
  void stretchesOfHalvesAreEven() {
    for (int n = 32; n < 20_000; n += 32) {
      int stretch = VectorF16Rows.stretch(n);
      assertTrue(stretch % 32 == 0 && stretch <= 1280, "of " + n + ": " + stretch);
      assertTrue(n <= 1280 ? stretch == n : stretch > 640, "of " + n + ": " + stretch);
    }
  }
}
