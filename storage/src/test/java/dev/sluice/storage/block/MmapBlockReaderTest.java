package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

final class MmapBlockReaderTest extends FileReaderContractTest {
  @Override
  BlockReader open(Path path) {
    return MmapBlockReader.open(path);
  }

  @Test
  void isMapped() {
    try (BlockReader reader = open(file)) {
      assertEquals(Access.MAPPED, reader.access());
      assertEquals(1, reader.alignmentBytes());
    }
  }

  /** The race that the size check cannot see: the file shrinks between the check and the copy. */
  @Test
  void aPageFaultWithNothingBehindItIsAFaultAndNotACrash() throws IOException {
    try (Arena arena = Arena.ofConfined();
        MmapBlockReader reader = MmapBlockReader.open(file);
        var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      MemorySegment target = arena.allocate(1 << 20);
      channel.truncate(1 << 20);
      for (int i = 0; i < 2000; i++) {
        var e =
            assertThrows(FaultException.class, () -> reader.copy(3 << 20, target, 0, 4096));
        assertTrue(e.getMessage().startsWith(file + " at byte " + (3 << 20)), e.getMessage());
      }
      reader.copy(0, target, 0, 1 << 20);
      assertEquals(-1, target.mismatch(MemorySegment.ofArray(content).asSlice(0, 1 << 20)));
    }
  }
}
