package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class PredictorMemoryTest {
  /** As many as four matrices a layer, each of them aligned, find room in what the store says they take. */
  @Test
  void largeMatricesLieSideBySide() {
    int layers = 7;
    long odd = 100_001;
    try (Arena arena = Arena.ofShared()) {
      SegmentAllocator memory = new PredictorMemory(4L * layers * odd).allocator(layers, arena);
      MemorySegment before = memory.allocate(odd, 64);
      for (int i = 1; i < 4 * layers; i++) {
        MemorySegment next = memory.allocate(odd, 64);
        assertEquals(0, next.address() % 64);
        assertTrue(next.address() - before.address() < odd + 64);
        assertEquals(0, next.get(ValueLayout.JAVA_BYTE, odd - 1));
        before = next;
      }
      assertThrows(IndexOutOfBoundsException.class, () -> memory.allocate(odd, 64));
    }
  }

  @Test
  void smallOnesAreTheArenas() {
    try (Arena arena = Arena.ofConfined()) {
      PredictorMemory small = new PredictorMemory(1000);
      assertSame(arena, small.allocator(3, arena));
      assertEquals(1000, small.residentBytes());
    }
  }

  @Test
  void aLastPageCounts() {
    assertEquals(7_097_152, new PredictorMemory(5_000_000).residentBytes());
  }
}
