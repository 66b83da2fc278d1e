package dev.sluice.storage.block;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every block reader must do, whatever stands behind it. */
abstract class BlockReaderContractTest {
  /** Not a multiple of any alignment: the last block is partial. */
  static final int FILE_BYTES = (6 << 20) + 1234;

  private static final int PAGE = 4096;
  private static final byte POISON = (byte) 0xA5;

  @TempDir
  Path folder;
  Path file;
  byte[] content;

  abstract BlockReader open(Path path) throws Exception;

  @BeforeEach
  void writeFile() throws IOException {
    content = new byte[FILE_BYTES];
    new SplittableRandom(11).nextBytes(content);
    file = Files.write(folder.resolve("ffn.bin"), content);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void randomBatchesArriveExactlyOnceWithTheRightBytes(long seed) throws Exception {
    var random = new SplittableRandom(seed);
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      MemorySegment target = arena.allocate(96 << 20, PAGE);
      var batch = new ReadBatch(target);
      for (int round = 0; round < 5; round++) {
        target.fill(POISON);
        batch.clear();
        addRandomRequests(batch, reader.alignmentBytes(), 1 + random.nextInt(600), random);
        reader.start(batch);
        readAll(reader, batch);
        assertContent(batch);
        assertGapsUntouched(batch);
      }
    }
  }

  /** Half of the reads land in memory that was prepared, the others beside it or across its end. */
  @Test
  void preparedMemoryGetsTheSameBytes() throws Exception {
    var random = new SplittableRandom(9);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(24 << 20, PAGE);
      try (BlockReader reader = open(file)) {
        reader.prepare(target.asSlice(2 << 20, 10 << 20));
        var batch = new ReadBatch(target);
        for (int round = 0; round < 5; round++) {
          target.fill(POISON);
          batch.clear();
          addRandomRequests(batch, reader.alignmentBytes(), 600, random);
          reader.start(batch);
          readAll(reader, batch);
          assertContent(batch);
          assertGapsUntouched(batch);
          reader.start(batch);
          reader.next();
          reader.drain();
        }
      }
    }
  }

  /** Gaps of one unit lie between requests, so that a read of too many bytes shows. */
  private static void addRandomRequests(
      ReadBatch batch, int alignment, int count, SplittableRandom random) {
    int unit = Math.max(alignment, 64);
    long filePages = FILE_BYTES / unit;
    long at = 0;
    for (int i = 0; i < count; i++) {
      int maxUnits = (1 << random.nextInt(1, 21)) / unit;
      int units = 1 + random.nextInt(Math.max(1, maxUnits));
      int bytes = units * unit;
      if (at + bytes + unit > batch.target().byteSize()) {
        return;
      }
      long offset = random.nextLong(filePages - units) * unit;
      batch.add(offset, bytes, at);
      at += bytes + unit;
    }
  }

  /** A disk can be unmounted, and a deleted file's room is free, as soon as the reader is closed. */
  @Test
  void closedReaderLetsItsFileGo() throws Exception {
    try (SmallDisk disk = SmallDisk.mount(folder.resolve("disk"), 8 << 20);
        Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(24 << 20, PAGE);
      FileStore store = Files.getFileStore(disk.folder());
      long freeBytes = store.getUsableSpace();
      for (int round = 0; round < 50; round++) {
        Path copy = Files.copy(file, disk.folder().resolve("ffn.bin"));
        try (BlockReader reader = open(copy)) {
          var batch = new ReadBatch(target);
          addRandomRequests(batch, reader.alignmentBytes(), 20, new SplittableRandom(round));
          reader.start(batch);
          reader.drain();
        }
        Files.delete(copy);
        assertEquals(freeBytes, store.getUsableSpace(), "round " + round);
      }
    }
  }

  @Test
  void lastPartialBlockMayBeReadWhole() throws Exception {
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      var batch = new ReadBatch(arena.allocate(4 * PAGE, PAGE));
      long lastPage = FILE_BYTES / PAGE * PAGE;
      batch.add(lastPage, PAGE, 0);
      batch.add(lastPage - PAGE, 2 * PAGE, PAGE);
      reader.start(batch);
      readAll(reader, batch);
      assertContent(batch);
    }
  }

  @Test
  void emptyBatchIsDoneAtOnce() throws Exception {
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      var batch = new ReadBatch(arena.allocate(PAGE, PAGE));
      assertEquals(-1, reader.next());
      reader.start(batch);
      assertEquals(-1, reader.next());
      batch.add(0, PAGE, 0);
      reader.start(batch);
      readAll(reader, batch);
      assertEquals(-1, reader.next());
    }
  }

  @Test
  void requestsOutsideTheFileAreRefusedBeforeAnythingStarts() throws Exception {
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      var batch = new ReadBatch(arena.allocate(4 * PAGE, PAGE));
      long lastPage = FILE_BYTES / PAGE * PAGE;
      long[][] outside = {
        {lastPage + PAGE, PAGE},
        {lastPage, 2 * PAGE},
        {1L << 40, PAGE},
        {Long.MAX_VALUE - 4095, PAGE}
      };
      for (long[] request : outside) {
        batch.clear();
        batch.add(0, PAGE, 0);
        batch.add(request[0], (int) request[1], PAGE);
        var e = assertThrows(IllegalArgumentException.class, () -> reader.start(batch));
        assertTrue(e.getMessage().contains(String.valueOf(request[0])), e.getMessage());
      }
      assertEquals(0, reader.counters().requests());
      batch.clear();
      batch.add(0, PAGE, 0);
      reader.start(batch);
      readAll(reader, batch);
      assertContent(batch);
    }
  }

  @Test
  void misalignedRequestsAreRefusedWhereAlignmentMatters() throws Exception {
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      int alignment = reader.alignmentBytes();
      assertEquals(1, Integer.bitCount(alignment));
      var batch = new ReadBatch(arena.allocate(4 * PAGE, PAGE));
      int[][] requests = {{1, PAGE, 0}, {0, PAGE - 1, 0}, {0, PAGE, 1}};
      for (int[] request : requests) {
        batch.clear();
        batch.add(request[0], request[1], request[2]);
        if (alignment > 1) {
          assertThrows(IllegalArgumentException.class, () -> reader.start(batch));
        } else {
          reader.start(batch);
          readAll(reader, batch);
          assertContent(batch);
        }
      }
    }
  }

  @Test
  void oneBatchAtATimeAndNoChangeWhileItIsInFlight() throws Exception {
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      MemorySegment target = arena.allocate(2 * PAGE, PAGE);
      var batch = new ReadBatch(target);
      batch.add(0, PAGE, 0);
      batch.add(PAGE, PAGE, PAGE);
      reader.start(batch);
      assertThrows(IllegalStateException.class, () -> reader.start(new ReadBatch(target)));
      assertThrows(IllegalStateException.class, batch::clear);
      assertThrows(IllegalStateException.class, () -> batch.add(0, PAGE, 0));
      readAll(reader, batch);
      batch.clear();
    }
  }

  @Test
  void drainMidFlightLeavesTheReaderUsableAndTheMemoryFree() throws Exception {
    try (BlockReader reader = open(file)) {
      reader.drain();
      for (int taken = 0; taken < 40; taken++) {
        try (Arena arena = Arena.ofConfined()) {
          var batch = new ReadBatch(arena.allocate(300 * PAGE, PAGE));
          for (int i = 0; i < 300; i++) {
            batch.add((long) i * 5 % 1500 * PAGE, PAGE, (long) i * PAGE);
          }
          reader.start(batch);
          for (int i = 0; i < taken; i++) {
            assertRequest(batch, reader.next());
          }
          reader.drain();
          assertEquals(-1, reader.next());
          MemorySegment target = batch.target();
          target.fill(POISON);
          var other = new ReadBatch(target);
          other.add(7 * PAGE, PAGE, 0);
          reader.start(other);
          assertEquals(0, reader.next());
          assertRequest(other, 0);
          assertEquals(
              -1, target.asSlice(PAGE).mismatch(arena.allocate(299 * PAGE).fill(POISON)));
          batch.clear();
        }
      }
      assertTrue(reader.counters().requests() <= 40 * 301);
    }
  }

  @Test
  void closeMidFlightWaitsForTheMemory() throws Exception {
    for (int round = 0; round < 20; round++) {
      try (Arena arena = Arena.ofConfined()) {
        var batch = new ReadBatch(arena.allocate(200 * PAGE, PAGE));
        for (int i = 0; i < 200; i++) {
          batch.add((long) i * PAGE, PAGE, (long) i * PAGE);
        }
        BlockReader reader = open(file);
        reader.start(batch);
        reader.next();
        reader.close();
        reader.close();
        batch.target().fill(POISON);
        assertEquals(-1, reader.next());
        assertEquals(
            -1, batch.target().mismatch(arena.allocate(200 * PAGE).fill(POISON)));
        assertThrows(IllegalStateException.class, () -> reader.start(batch));
      }
    }
  }

  @Test
  void countersAddUp() throws Exception {
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      var batch = new ReadBatch(arena.allocate(8 << 20, PAGE));
      long requests = 0;
      long bytes = 0;
      for (int round = 1; round <= 3; round++) {
        batch.clear();
        for (int i = 0; i < 150 * round; i++) {
          batch.add((long) i * PAGE, PAGE * (1 + i % 3), (long) i * 3 * PAGE);
          requests++;
          bytes += PAGE * (1L + i % 3);
        }
        reader.start(batch);
        readAll(reader, batch);
        assertEquals(requests, reader.counters().requests());
        assertEquals(bytes, reader.counters().bytes());
      }
      assertTrue(reader.counters().waitNanos() >= 0);
    }
  }

  @Test
  void aBatchMayBeFinishedByAnotherThreadThanTheOneThatStartedIt() throws Exception {
    try (Arena arena = Arena.ofShared();
        BlockReader reader = open(file)) {
      var batch = new ReadBatch(arena.allocate(400 * PAGE, PAGE));
      for (int i = 0; i < 400; i++) {
        batch.add((long) i * 3 * PAGE, PAGE, (long) i * PAGE);
      }
      var failure = new AtomicReference<Throwable>();
      Thread starter =
          Thread.ofPlatform()
              .uncaughtExceptionHandler((_, e) -> failure.set(e))
              .start(() -> reader.start(batch));
      starter.join();
      assertEquals(null, failure.get());
      readAll(reader, batch);
      assertContent(batch);
    }
  }

  @Test
  void anInterruptedThreadStillGetsItsBytesAndStaysInterrupted() throws Exception {
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      var batch = new ReadBatch(arena.allocate(300 * PAGE, PAGE));
      for (int i = 0; i < 300; i++) {
        batch.add((long) i * PAGE, PAGE, (long) i * PAGE);
      }
      Thread.currentThread().interrupt();
      reader.start(batch);
      readAll(reader, batch);
      assertTrue(Thread.interrupted());
      assertContent(batch);
    }
  }

  @Test
  void emptyFileOpensAndHoldsNothing() throws Exception {
    Path empty = Files.write(folder.resolve("empty"), new byte[0]);
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(empty)) {
      assertEquals(0, reader.sizeBytes());
      var batch = new ReadBatch(arena.allocate(PAGE, PAGE));
      batch.add(0, PAGE, 0);
      assertThrows(IllegalArgumentException.class, () -> reader.start(batch));
    }
  }

  /**
   * Allocation ends once the compiler has seen the code; a reader that allocates by design never
   * gets there.
   */
  void assertNoAllocationAfterWarmUp() throws Exception {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long self = Thread.currentThread().threadId();
    try (Arena arena = Arena.ofConfined();
        BlockReader reader = open(file)) {
      var batch = new ReadBatch(arena.allocate(200 * PAGE, PAGE));
      long allocated = Long.MAX_VALUE;
      for (int round = 0; round < 600 && allocated > 0; round++) {
        long before = threads.getThreadAllocatedBytes(self);
        for (int i = 0; i < 4; i++) {
          batch.clear();
          for (int j = 0; j < 200; j++) {
            batch.add((long) (j * 7 % 1500) * PAGE, PAGE, (long) j * PAGE);
          }
          reader.start(batch);
          while (reader.next() >= 0) {
            Thread.onSpinWait();
          }
        }
        allocated = threads.getThreadAllocatedBytes(self) - before;
      }
      assertEquals(0, allocated, "bytes allocated by 800 reads");
    }
  }

  static void readAll(BlockReader reader, ReadBatch batch) {
    var seen = new boolean[batch.size()];
    for (int i = 0; i < batch.size(); i++) {
      int index = reader.next();
      assertTrue(index >= 0 && index < seen.length, "index " + index);
      assertFalse(seen[index], "request " + index + " handed out twice");
      seen[index] = true;
    }
    assertEquals(-1, reader.next());
  }

  void assertContent(ReadBatch batch) {
    for (int i = 0; i < batch.size(); i++) {
      assertRequest(batch, i);
    }
  }

  void assertRequest(ReadBatch batch, int i) {
    long offset = batch.fileOffsetBytes(i);
    long bytes = Math.min(batch.lengthBytes(i), FILE_BYTES - offset);
    long differs =
        MemorySegment.mismatch(
            batch.target(),
            batch.targetOffsetBytes(i),
            batch.targetOffsetBytes(i) + bytes,
            MemorySegment.ofArray(content),
            offset,
            offset + bytes);
    assertEquals(-1, differs, () -> bytes + " bytes at file byte " + offset + " differ");
  }

  private static void assertGapsUntouched(ReadBatch batch) {
    for (int i = 0; i < batch.size(); i++) {
      long end = batch.targetOffsetBytes(i) + batch.lengthBytes(i);
      assertEquals(POISON, batch.target().get(JAVA_BYTE, end), "byte after request " + i);
    }
  }
}
