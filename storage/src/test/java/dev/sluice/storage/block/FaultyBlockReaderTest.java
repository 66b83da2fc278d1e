package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.FaultyBlockReader.Fault;
import dev.sluice.storage.block.FaultyBlockReader.Injection;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Without faults it is a reader like any other; with them it does what it says, and the same for
 * the same seed.
 */
final class FaultyBlockReaderTest extends BlockReaderContractTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 200;

  @Override
  BlockReader open(Path path) throws IOException {
    return new FaultyBlockReader(path.toString(), Files.readAllBytes(path), 512, 5);
  }

  private FaultyBlockReader faulty(long seed) {
    return new FaultyBlockReader("ffn.bin", content, 512, seed);
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"MISDIRECTED", "FLIPPED_BIT", "TORN"})
  void silentFaultsSpoilExactlyTheRequestsTheyName(Fault fault) {
    try (Arena arena = Arena.ofConfined();
        FaultyBlockReader reader = faulty(9).inject(fault, 0.2)) {
      ReadBatch batch = pages(arena);
      reader.start(batch);
      readAll(reader, batch);
      var spoilt = new ArrayList<Long>();
      for (int i = 0; i < PAGES; i++) {
        MemorySegment is = batch.target().asSlice(batch.targetOffsetBytes(i), PAGE);
        MemorySegment should =
            MemorySegment.ofArray(content).asSlice(batch.fileOffsetBytes(i), PAGE);
        if (is.mismatch(should) != -1) {
          spoilt.add(batch.fileOffsetBytes(i));
        }
      }
      assertEquals(
          reader.injections().stream().map(Injection::fileOffsetBytes).sorted().toList(), spoilt);
      assertTrue(spoilt.size() > 20 && spoilt.size() < 60, spoilt.size() + " of 200");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"EIO", "SHORT_READ"})
  void loudFaultsNameThePlaceAndLeaveTheReaderUsable(Fault fault) {
    try (Arena arena = Arena.ofConfined();
        FaultyBlockReader reader = faulty(9).inject(fault, 0.05)) {
      ReadBatch batch = pages(arena);
      reader.start(batch);
      var e = assertThrows(FaultException.class, () -> FileReaderContractTest.takeAll(reader));
      long offset = reader.injections().getLast().fileOffsetBytes();
      assertTrue(e.getMessage().startsWith("ffn.bin at byte " + offset + ": "), e.getMessage());
      reader.inject(fault, 0);
      reader.start(batch);
      readAll(reader, batch);
      assertContent(batch);
    }
  }

  @Test
  void stalledRequestsComeLastAndNotBeforeTheGateOpens() {
    var gate = new CountDownLatch(1);
    try (Arena arena = Arena.ofConfined();
        FaultyBlockReader reader = faulty(9).inject(Fault.STALLED, 0.1).stallUntil(gate)) {
      ReadBatch batch = pages(arena);
      reader.start(batch);
      var stalled =
          reader.injections().stream().map(Injection::fileOffsetBytes).collect(Collectors.toSet());
      assertFalse(stalled.isEmpty());
      for (int i = 0; i < PAGES - stalled.size(); i++) {
        assertFalse(stalled.contains(batch.fileOffsetBytes(reader.next())));
      }
      gate.countDown();
      for (int i = 0; i < stalled.size(); i++) {
        assertTrue(stalled.contains(batch.fileOffsetBytes(reader.next())));
      }
      assertEquals(-1, reader.next());
      assertContent(batch);
    }
  }

  @Test
  void theSameSeedFailsTheSameWay() {
    assertEquals(injectionsWith(1), injectionsWith(1));
    assertNotEquals(injectionsWith(1), injectionsWith(2));
  }

  private List<Injection> injectionsWith(long seed) {
    try (Arena arena = Arena.ofConfined();
        FaultyBlockReader reader =
            faulty(seed).inject(Fault.FLIPPED_BIT, 0.1).inject(Fault.TORN, 0.1)) {
      ReadBatch batch = pages(arena);
      reader.start(batch);
      readAll(reader, batch);
      return reader.injections();
    }
  }

  private static ReadBatch pages(Arena arena) {
    var batch = new ReadBatch(arena.allocate(PAGES * PAGE, PAGE));
    for (int i = 0; i < PAGES; i++) {
      batch.add((long) i * PAGE, PAGE, (long) i * PAGE);
    }
    return batch;
  }
}
