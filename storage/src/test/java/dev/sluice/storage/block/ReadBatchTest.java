package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

final class ReadBatchTest {
  @Test
  void keepsWhatWasAddedThroughGrowthAndReuse() {
    try (Arena arena = Arena.ofConfined()) {
      var batch = new ReadBatch(arena.allocate(100_000));
      for (int round = 0; round < 2; round++) {
        batch.clear();
        for (int i = 0; i < 1000; i++) {
          assertEquals(i, batch.add(i * 10L + round, i + 1, i * 90L));
        }
        assertEquals(1000, batch.size());
        for (int i = 0; i < 1000; i++) {
          assertEquals(i * 10L + round, batch.fileOffsetBytes(i));
          assertEquals(i + 1, batch.lengthBytes(i));
          assertEquals(i * 90L, batch.targetOffsetBytes(i));
        }
      }
      assertThrows(IndexOutOfBoundsException.class, () -> batch.lengthBytes(1000));
    }
  }

  @Test
  void refusesWhatCannotLand() {
    assertThrows(
        IllegalArgumentException.class, () -> new ReadBatch(MemorySegment.ofArray(new byte[8])));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(100);
      assertThrows(IllegalArgumentException.class, () -> new ReadBatch(memory.asReadOnly()));
      var batch = new ReadBatch(memory);
      batch.add(0, 100, 0);
      assertThrows(IllegalArgumentException.class, () -> batch.add(0, 100, 1));
      assertThrows(IllegalArgumentException.class, () -> batch.add(0, 101, 0));
      assertThrows(IllegalArgumentException.class, () -> batch.add(0, 1, -1));
      assertThrows(IllegalArgumentException.class, () -> batch.add(0, 1, Long.MAX_VALUE));
      assertThrows(IllegalArgumentException.class, () -> batch.add(-1, 1, 0));
      assertThrows(IllegalArgumentException.class, () -> batch.add(0, 0, 0));
      assertThrows(IllegalArgumentException.class, () -> batch.add(0, -1, 0));
      assertEquals(1, batch.size());
    }
  }
}
