package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The contract of readers that go to the device. */
abstract class DirectReaderContractTest extends FileReaderContractTest {
  private static final int PAGE = 4096;
  private static final int PROT_NONE = 0;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;

  @Test
  void aFailedReadDrainsTheRestAndNamesItsCause() throws Exception {
    // Memory that nobody may write to makes the kernel fail a read with EFAULT, wherever the tests
    // run.
    int pages = 400;
    long forbidden = Libc.mmap((long) pages * PAGE, PROT_NONE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    assertTrue(forbidden > 0);
    try (BlockReader reader = open(file)) {
      var batch =
          new ReadBatch(MemorySegment.ofAddress(forbidden).reinterpret((long) pages * PAGE));
      for (int i = 0; i < pages; i++) {
        batch.add((long) i * PAGE, PAGE, (long) i * PAGE);
      }
      reader.start(batch);
      var e = assertThrows(FaultException.class, () -> takeAll(reader));
      assertTrue(e.getMessage().startsWith(file + " at byte "), e.getMessage());
      assertTrue(e.getMessage().contains("(EFAULT)"), e.getMessage());
      assertEquals(-1, reader.next());
      try (Arena arena = Arena.ofConfined()) {
        var good = new ReadBatch(arena.allocate(8 * PAGE, PAGE));
        good.add(PAGE, 8 * PAGE, 0);
        reader.start(good);
        readAll(reader, good);
        assertContent(good);
      }
    } finally {
      Libc.munmap(forbidden, (long) pages * PAGE);
    }
  }

  @Test
  void bytesEqualWhatTheKernelCounts() throws Exception {
    Path big = folder.resolve("big.bin");
    int megabytes = 64;
    try (var channel =
        FileChannel.open(big, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      var random = new SplittableRandom(3);
      var chunk = new byte[1 << 20];
      for (int i = 0; i < megabytes; i++) {
        random.nextBytes(chunk);
        channel.write(ByteBuffer.wrap(chunk));
      }
      channel.force(true);
    }
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(big)) {
      assumeTrue(reader.access() == Access.DIRECT, reader::describe);
      var random = new SplittableRandom(4);
      MemorySegment target = arena.allocate(64 << 20, PAGE);
      var batch = new ReadBatch(target);
      long before = kernelReadBytes();
      for (int round = 0; round < 4; round++) {
        batch.clear();
        for (int i = 0; i < 300; i++) {
          int bytes = PAGE * (1 + random.nextInt(16));
          batch.add(random.nextLong((megabytes << 20) / PAGE - 16) * PAGE, bytes, i * 65536L);
        }
        reader.start(batch);
        readAll(reader, batch);
      }
      long kernel = kernelReadBytes() - before;
      long ours = reader.counters().bytes();
      assertEquals(
          1.0, (double) kernel / ours, 0.01, kernel + " by the kernel, " + ours + " by us");
    }
  }

  static long kernelReadBytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/io"))) {
      if (line.startsWith("read_bytes: ")) {
        return Long.parseLong(line.substring("read_bytes: ".length()));
      }
    }
    throw new IOException("/proc/self/io has no read_bytes");
  }
}
