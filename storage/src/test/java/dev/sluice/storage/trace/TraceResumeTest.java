package dev.sluice.storage.trace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceResumeTest {
  private static final int CUTS = 200;

  @TempDir(factory = MemoryFolder.class)
  Path folder;
  private final SyntheticTrace trace = SyntheticTrace.SMALL;
  private final List<byte[]> states = new ArrayList<>();
  private final List<Long> goodBytes = new ArrayList<>();
  private byte[] partial;
  private byte[] uninterrupted;

  /** One uninterrupted run, and what its files held at the end of each layer and just before the end. */
  @BeforeEach
  void runOnce() throws IOException {
    Path target = folder.resolve("whole");
    try (TraceWriter writer =
        TraceWriter.open(target, trace.header(), TraceWriter.Existing.REFUSE)) {
      trace.traceRest(
          writer,
          layer -> {
            states.add(Files.readAllBytes(TraceWriter.stateFile(target)));
            goodBytes.add(Files.size(TraceWriter.partialFile(target)));
          });
      partial = Files.readAllBytes(TraceWriter.partialFile(target));
      writer.finish();
    }
    uninterrupted = Files.readAllBytes(target);
  }

  private Path crash(int number, byte[] partialBytes, byte[] state) throws IOException {
    Path target = folder.resolve("cut" + number);
    Files.write(TraceWriter.partialFile(target), partialBytes);
    if (state != null) {
      Files.write(TraceWriter.stateFile(target), state);
    }
    return target;
  }

  private void resume(Path target, int expectedLayers) throws IOException {
    try (TraceWriter writer =
        TraceWriter.open(target, trace.header(), TraceWriter.Existing.REFUSE)) {
      assertEquals(expectedLayers, writer.completedLayers());
      byte[] expected = expectedLayers == 0 ? new byte[0] : trace.state(expectedLayers - 1);
      assertArrayEquals(expected, writer.state());
      if (expectedLayers > 0) {
        // Given after the layer was durable, it may have been lost; given again, it is written only then.
        writer.blob("norms/" + (expectedLayers - 1), trace.blobOf(expectedLayers - 1));
      }
      trace.traceRest(writer, layer -> {});
      writer.finish();
    }
    assertFalse(Files.exists(TraceWriter.partialFile(target)));
    assertFalse(Files.exists(TraceWriter.stateFile(target)));
    try (TraceReader reader = TraceReader.open(target)) {
      TraceRoundTripTest.assertHolds(trace, reader);
      reader.verify();
    }
  }

  /** A power cut may leave a header's length without all its bytes: that is nobody's unfinished trace. */
  @Test
  void aTornHeaderIsBegunAnew() throws IOException {
    byte[] header = TraceFormat.encode(trace.header());
    for (int arrived = 0; arrived < header.length; arrived += 7) {
      byte[] torn = Arrays.copyOf(Arrays.copyOf(header, arrived), header.length);
      Path target = crash(1000 + arrived, torn, null);
      try (TraceWriter writer =
          TraceWriter.open(target, trace.header(), TraceWriter.Existing.REFUSE)) {
        assertEquals(0, writer.completedLayers());
      }
      byte[] foreign = torn.clone();
      foreign[header.length - 1] ^= (byte) 0x55;
      foreign[3] ^= 1;
      Path other = crash(2000 + arrived, foreign, null);
      assertThrows(
          BadInputException.class,
          () -> TraceWriter.open(other, trace.header(), TraceWriter.Existing.REFUSE).close());
    }
  }

  @Test
  void cutAnywhereItGoesOnAfterTheLastDurableLayer() throws IOException {
    SplittableRandom random = new SplittableRandom(11);
    for (int cut = 0; cut < CUTS; cut++) {
      int length = random.nextInt(partial.length + 1);
      int layers = 0;
      while (layers < states.size() && goodBytes.get(layers) <= length) {
        layers++;
      }
      byte[] state = layers == 0 ? null : states.get(layers - 1);
      Path target = crash(cut, Arrays.copyOf(partial, length), state);
      if (length > 0) {
        BadInputException refused =
            assertThrows(
                BadInputException.class,
                () -> TraceReader.open(TraceWriter.partialFile(target)).close());
        assertFalse(refused.getMessage().contains("\n"));
        BadInputException absent =
            assertThrows(BadInputException.class, () -> TraceReader.open(target).close());
        assertTrue(absent.getMessage().contains("resumes"), absent.getMessage());
      }
      resume(target, layers);
      assertArrayEquals(uninterrupted, Files.readAllBytes(target), "cut at " + length);
    }
  }

  @Test
  void cutAtEveryRecordBoundaryTheBytesAreThoseOfAnUninterruptedRun() throws IOException {
    int number = 0;
    for (long end : recordEnds()) {
      int layers = (int) goodBytes.stream().filter(good -> good <= end).count();
      byte[] state = layers == 0 ? null : states.get(layers - 1);
      Path target = crash(number++, Arrays.copyOf(partial, (int) end), state);
      resume(target, layers);
      assertArrayEquals(uninterrupted, Files.readAllBytes(target), "cut at " + end);
    }
    assertEquals(1 + trace.header().layers() * (trace.header().chunksPerLayer() + 1), number);
  }

  @Test
  void aStateThatClaimsMoreThanIsThereMeansStartingAgain() throws IOException {
    int short1 = (int) (goodBytes.get(1) - 1);
    resume(crash(0, Arrays.copyOf(partial, short1), states.get(1)), 0);
    resume(crash(1, partial, null), 0);
    byte[] damagedState = states.get(2).clone();
    damagedState[damagedState.length / 2] ^= 4;
    resume(crash(2, partial, damagedState), 0);
    byte[] damagedChunk = partial.clone();
    damagedChunk[(int) (goodBytes.get(0) / 2)] ^= 4;
    resume(crash(3, damagedChunk, states.get(2)), 0);
  }

  @Test
  void anyFlippedBitInThePartialFileOrTheStateIsNotResumedFrom() throws IOException {
    SplittableRandom random = new SplittableRandom(12);
    byte[] good = Arrays.copyOf(partial, (int) (long) goodBytes.get(1));
    int headerBytes = TraceFormat.encode(trace.header()).length;
    for (int flip = 0; flip < 100; flip++) {
      byte[] bytes = good.clone();
      byte[] state = states.get(1).clone();
      if (flip % 4 == 0) {
        state[random.nextInt(state.length)] ^= (byte) (1 << random.nextInt(8));
      } else {
        bytes[random.nextInt(headerBytes, bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      resume(crash(flip, bytes, state), 0);
    }
  }

  @Test
  void anUnfinishedTraceOfSomethingElseIsLeftUnlessReplacing() throws IOException {
    TraceHeader h = trace.header();
    TraceHeader other =
        new TraceHeader(
            h.storeDigest(), h.textDigest(), h.layers(), h.neurons(), h.tokens(), h.windowTokens(),
            "gate", "dense");
    Path target = crash(0, partial, states.get(2));
    assertThrows(
        BadInputException.class,
        () -> TraceWriter.open(target, other, TraceWriter.Existing.REFUSE));
    assertArrayEquals(partial, Files.readAllBytes(TraceWriter.partialFile(target)));
    try (TraceWriter writer = TraceWriter.open(target, other, TraceWriter.Existing.REPLACE)) {
      assertEquals(0, writer.completedLayers());
    }
  }

  @Test
  void blobsOfAnInterruptedLayerSurviveAndTheLastValueCounts() throws IOException {
    Path target = folder.resolve("blobs");
    byte[] value = {1, 2, 3};
    try (TraceWriter writer =
        TraceWriter.open(target, trace.header(), TraceWriter.Existing.REFUSE)) {
      writer.append(0, 0, trace.chunk(0, 0));
      writer.blob("early", value);
      writer.blob("changed", value);
    }
    try (TraceWriter writer =
        TraceWriter.open(target, trace.header(), TraceWriter.Existing.REFUSE)) {
      long before = Files.size(TraceWriter.partialFile(target));
      writer.blob("early", value);
      assertEquals(before, Files.size(TraceWriter.partialFile(target)), "not written twice");
      writer.blob("changed", new byte[] {4});
      assertArrayEquals(value, writer.blob("early").orElseThrow());
      assertArrayEquals(new byte[] {4}, writer.blob("changed").orElseThrow());
      assertTrue(writer.blob("never given").isEmpty());
      trace.traceRest(writer, layer -> {});
      writer.finish();
    }
    try (TraceReader reader = TraceReader.open(target)) {
      assertArrayEquals(value, reader.blob("early").orElseThrow());
      assertArrayEquals(new byte[] {4}, reader.blob("changed").orElseThrow());
      reader.verify();
      assertEquals(digestOfAnotherLayout(value), reader.digest(), "where blobs lie does not count");
    }
  }

  private String digestOfAnotherLayout(byte[] early) throws IOException {
    Path target = folder.resolve("other-layout");
    try (TraceWriter writer =
        TraceWriter.open(target, trace.header(), TraceWriter.Existing.REFUSE)) {
      trace.traceRest(writer, layer -> {});
      writer.blob("early", early);
      writer.blob("changed", new byte[] {4});
      writer.finish();
    }
    assertFalse(Files.exists(TraceWriter.partialFile(target)));
    try (TraceReader reader = TraceReader.open(target)) {
      return reader.digest();
    }
  }

  /** Where the header and each record of the partial file end. */
  private List<Long> recordEnds() throws IOException {
    Path scratch = Files.write(folder.resolve("scan"), partial);
    List<Long> ends = new ArrayList<>();
    try (TraceChannel channel = TraceChannel.open(scratch, StandardOpenOption.READ)) {
      int start = TraceFormat.encode(trace.header()).length;
      RecordScan scan = new RecordScan(channel, trace.header(), start, partial.length);
      ends.add((long) start);
      while (scan.next(Long.MAX_VALUE) != RecordScan.Found.NOTHING) {
        ends.add(scan.position());
      }
    }
    assertEquals(partial.length, ends.getLast());
    return ends;
  }
}
