package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

/**
 * The contract of readers that stand on a real file, which can be missing, or cut short under them.
 */
abstract class FileReaderContractTest extends BlockReaderContractTest {
  private static final int PAGE = 4096;

  @Test
  void aFileCutShortUnderneathIsAFaultThatNamesFileAndOffset() throws Exception {
    for (long cut : new long[] {2 << 20, (2 << 20) + 700, (2 << 20) + 1024, 0}) {
      Files.write(file, content);
      try (Arena arena = Arena.ofConfined();
          BlockReader reader = open(file)) {
        truncate(cut);
        var batch = new ReadBatch(arena.allocate(400 * PAGE, PAGE));
        for (int i = 0; i < 300; i++) {
          batch.add((3L << 20) + (long) i * PAGE, PAGE, (long) i * PAGE);
        }
        reader.start(batch);
        var e = assertThrows(FaultException.class, () -> takeAll(reader));
        assertTrue(e.getMessage().startsWith(file + " at byte 3"), e.getMessage());
        assertTrue(e.getMessage().contains("shorter than the " + FILE_BYTES), e.getMessage());
        assertFalse(e.getMessage().contains("\n"));
        assertEquals(-1, reader.next());

        batch.clear();
        batch.add((2L << 20) - 8 * PAGE, 16 * PAGE, 0);
        reader.start(batch);
        e = assertThrows(FaultException.class, () -> takeAll(reader));
        assertTrue(e.getMessage().contains("shorter"), e.getMessage());
        if (cut > 0) {
          batch.clear();
          batch.add(0, 100 * PAGE, 0);
          reader.start(batch);
          readAll(reader, batch);
          assertContent(batch);
        }
      }
    }
  }

  @Test
  void startAndNextDoNotAllocate() throws Exception {
    assertNoAllocationAfterWarmUp();
  }

  @Test
  void sizeIsTheFilesSize() throws Exception {
    try (BlockReader reader = open(file)) {
      assertEquals(FILE_BYTES, reader.sizeBytes());
      assertTrue(reader.describe().startsWith(reader.backend()), reader.describe());
    }
  }

  @Test
  void whatIsNotAReadableFileIsBadInput() throws Exception {
    var missing = folder.resolve("missing");
    var e = assertThrows(BadInputException.class, () -> open(missing).close());
    assertTrue(e.getMessage().startsWith(missing + ": "), e.getMessage());
    assertTrue(e.getMessage().contains("No such file"), e.getMessage());
    e = assertThrows(BadInputException.class, () -> open(folder).close());
    assertTrue(e.getMessage().contains("not a regular file"), e.getMessage());
    e = assertThrows(BadInputException.class, () -> open(Path.of("/dev/null")).close());
    assertTrue(e.getMessage().contains("not a regular file"), e.getMessage());
  }

  static void takeAll(BlockReader reader) {
    int taken = 0;
    while (reader.next() >= 0) {
      taken++;
    }
    throw new AssertionError("all " + taken + " requests completed");
  }

  private void truncate(long bytes) throws IOException {
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(bytes);
    }
  }
}
