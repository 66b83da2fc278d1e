package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.sluice.storage.posix.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class IoUringBlockReaderTest extends DirectReaderContractTest {
  @Override
  BlockReader open(Path path) {
    return open(path, IoUringBlockReader.Depth.DEFAULT);
  }

  private static BlockReader open(Path path, IoUringBlockReader.Depth depth) {
    try {
      return IoUringBlockReader.open(path, depth);
    } catch (SystemCallException e) {
      return abort("io_uring does not work here: " + e.getMessage());
    }
  }

  /** Where the limit on locked memory is too small, reads go on without registration, and the reader says so. */
  @Test
  void saysWhetherMemoryIsRegistered() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(8 << 20, 4096);
      try (BlockReader reader = open(file)) {
        reader.prepare(target);
        assertTrue(reader.describe().contains("registered buffers, ")
            || reader.describe()
                .contains("buffers not registered (Cannot allocate memory (ENOMEM)"),
            reader.describe());
        assertThrows(IllegalStateException.class, () -> reader.prepare(target));
      }
    }
  }

  /**
   * A completion ring has twice the entries, so these overflow it: the kernel must hand over what
   * it kept back.
   */
  @ParameterizedTest
  @CsvSource({"1, 1", "1, 64", "2, 100", "8, 8", "8, 64", "8, 500", "128, 1000"})
  void shortRingsLoseNothing(int entries, int inFlight) {
    var random = new SplittableRandom(entries * 1000L + inFlight);
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file, new IoUringBlockReader.Depth(entries, inFlight))) {
      int unit = Math.max(512, reader.alignmentBytes());
      var batch = new ReadBatch(arena.allocate(1200L * 4 * unit, 4096));
      for (int round = 0; round < 5; round++) {
        batch.clear();
        for (int i = 0; i < 1200; i++) {
          int units = 1 + random.nextInt(4);
          batch.add(
              random.nextLong(FILE_BYTES / unit - 4) * unit, units * unit, i * 4L * unit);
        }
        reader.start(batch);
        readAll(reader, batch);
        assertContent(batch);
        batch.target().fill((byte) 0);
        reader.start(batch);
        for (int i = 0; i < round * 100; i++) {
          assertTrue(reader.next() >= 0);
        }
        reader.drain();
      }
    }
  }
}
