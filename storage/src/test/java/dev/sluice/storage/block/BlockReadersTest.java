package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class BlockReadersTest {
  @TempDir
  Path folder;

  @Test
  void autoTakesADirectBackend() throws IOException {
    Path file = Files.write(folder.resolve("f"), new byte[10_000]);
    try (BlockReader reader = BlockReaders.open(file, Backend.AUTO)) {
      assertTrue(Set.of("io_uring", "pread").contains(reader.backend()), reader.describe());
    }
    try (BlockReader reader = BlockReaders.open(file, Backend.PREAD)) {
      assertEquals("pread", reader.backend());
    }
    try (BlockReader reader = BlockReaders.open(file, Backend.MMAP)) {
      assertEquals("mmap", reader.backend());
    }
  }

  /** A ring longer than any kernel grants stands for a kernel without io_uring. */
  @Test
  void withoutIoUringAutoTakesPreadAndSaysWhy() throws IOException {
    Path file = Files.write(folder.resolve("f"), new byte[10_000]);
    var tooLong = new IoUringBlockReader.Depth(1 << 20, 1 << 20);
    try (BlockReader reader = BlockReaders.open(file, Backend.AUTO, tooLong)) {
      assertEquals("pread", reader.backend());
      assertTrue(
          reader.describe().contains("io_uring does not work here (io_uring_setup: "),
          reader.describe());
    }
    var e =
        assertThrows(
            BadInputException.class, () -> BlockReaders.open(file, Backend.IO_URING, tooLong));
    assertTrue(e.getMessage().startsWith(file + ": io_uring does not work here"), e.getMessage());
    assertTrue(e.getMessage().endsWith("use --io pread"), e.getMessage());
  }

  @ParameterizedTest
  @EnumSource(Backend.class)
  void readsWithAnyNumberInFlight(Backend backend) throws IOException {
    var content = new byte[300 * 4096];
    new SplittableRandom(2).nextBytes(content);
    Path file = Files.write(folder.resolve("f"), content);
    for (int inFlight : new int[] {1, 3, 300}) {
      try (Arena arena = Arena.ofConfined();
          BlockReader reader = BlockReaders.open(file, backend, inFlight)) {
        var batch = new ReadBatch(arena.allocate(content.length, 4096));
        for (int page = 0; page < 300; page++) {
          batch.add(page * 4096L, 4096, page * 4096L);
        }
        reader.start(batch);
        BlockReaderContractTest.readAll(reader, batch);
        assertEquals(-1, batch.target().mismatch(MemorySegment.ofArray(content)));
      }
    }
    assertThrows(IllegalArgumentException.class, () -> BlockReaders.open(file, backend, 0));
    assertThrows(IllegalArgumentException.class, () -> BlockReaders.open(file, backend, 1 << 20));
  }

  /**
   * tmpfs either refuses O_DIRECT or takes it and does nothing of the kind, depending on the
   * kernel.
   */
  @ParameterizedTest
  @EnumSource(Backend.class)
  void aFileInMemoryIsNeverCalledDirect(Backend backend) throws IOException {
    Path memory = Path.of("/dev/shm");
    assumeTrue(
        Files.isWritable(memory) && Files.getFileStore(memory).type().equals("tmpfs"),
        "needs a tmpfs at /dev/shm");
    Path file = Files.createTempFile(memory, "sluice", ".bin");
    try (Arena arena = Arena.ofConfined()) {
      var content = new byte[10_000];
      new SplittableRandom(1).nextBytes(content);
      Files.write(file, content);
      try (BlockReader reader = BlockReaders.open(file, backend)) {
        assertEquals(backend == Backend.MMAP ? Access.MAPPED : Access.BUFFERED, reader.access());
        assertEquals(1, reader.alignmentBytes());
        if (backend != Backend.MMAP) {
          assertTrue(reader.describe().contains("buffered reads ("), reader.describe());
        }
        var batch = new ReadBatch(arena.allocate(20_000));
        batch.add(17, 9_983, 3);
        reader.start(batch);
        assertEquals(0, reader.next());
        assertEquals(
            -1,
            batch
                .target()
                .asSlice(3, 9_983)
                .mismatch(MemorySegment.ofArray(content).asSlice(17)));
      }
    } finally {
      Files.delete(file);
    }
  }
}
