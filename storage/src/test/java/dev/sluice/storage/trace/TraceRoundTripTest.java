package dev.sluice.storage.trace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TraceRoundTripTest {
  @TempDir
  Path folder;

  static void assertHolds(SyntheticTrace expected, TraceReader reader) {
    TraceHeader header = expected.header();
    assertEquals(header, reader.header());
    TraceChunk read = null;
    for (int layer = 0; layer < header.layers(); layer++) {
      assertEquals(header.chunksPerLayer(), reader.chunkCount(layer));
      long firings = 0;
      for (int c = 0; c < header.chunksPerLayer(); c++) {
        TraceChunk written = expected.chunk(layer, c);
        read = reader.read(layer, c, read);
        assertEquals(written.tokens(), read.tokens());
        int used = written.tokens() * written.words();
        assertArrayEquals(
            Arrays.copyOf(written.masks(), used), Arrays.copyOf(read.masks(), used));
        for (int k = 0; k < written.tokens() * header.neurons(); k++) {
          float exact = written.magnitudes()[k];
          assertEquals(exact, read.magnitudes()[k], exact * 0x1p-11f);
        }
        firings += written.firings();
      }
      assertEquals(firings, reader.firings(layer));
      assertArrayEquals(expected.blobOf(layer), reader.blob("norms/" + layer).orElseThrow());
    }
  }

  @Test
  void whatWasWrittenIsReadBackAtRandom() throws IOException {
    int[] neurons = {1, 63, 64, 65, 1000};
    double[] active = {0, 0.02, 0.5, 1};
    int number = 0;
    for (int n : neurons) {
      for (double share : active) {
        TraceHeader header = new TraceHeader("s", "t", 2, n, 300, 512, "gate", "oracle");
        SyntheticTrace trace = new SyntheticTrace(header, number, share);
        Path file = trace.write(folder.resolve("trace" + number++));
        try (TraceReader reader = TraceReader.open(file)) {
          assertEquals(2, reader.chunkCount(1));
          assertHolds(trace, reader);
          reader.verify();
          assertEquals(List.of("norms/0", "norms/1"), reader.blobKeys());
          assertTrue(reader.blob("norms/2").isEmpty());
        }
      }
    }
    try (var left = Files.list(folder)) {
      assertEquals(number, left.count(), "neither partial nor state files stay behind");
    }
  }

  @Test
  void compressionIsUsedOnlyWhereItPays() throws IOException {
    TraceHeader header = new TraceHeader("s", "t", 1, 4096, 256, 256, "output", "dense");
    TraceChunk chunk = new TraceChunk(256, 4096);
    SyntheticTrace noise = new SyntheticTrace(header, 3, 0.5);
    ChunkCodec codec = new ChunkCodec(header);
    assertEquals(ChunkHead.STORED, codec.encode(0, 0, noise.chunk(0, 0)).head().codec());
    chunk.clear(256);
    for (int t = 0; t < 256; t++) {
      chunk.fire(t, 11, 1f);
    }
    ChunkHead sparse = codec.encode(0, 0, chunk).head();
    assertEquals(ChunkHead.LZ4, sparse.codec());
    assertTrue(sparse.storedBytes() <= 0.9 * sparse.rawBytes());
  }

  @Test
  void aFittingChunkIsReusedAndAnUnfitOneLeftAlone() throws IOException {
    Path file = SyntheticTrace.SMALL.write(folder.resolve("t"));
    try (TraceReader reader = TraceReader.open(file)) {
      TraceChunk first = reader.read(0, 0, null);
      assertSame(first, reader.read(2, 2, first));
      assertNotSame(first, reader.read(0, 0, new TraceChunk(4, 100)));
    }
  }

  @Test
  void digestNamesTheContent() throws IOException {
    SyntheticTrace one = SyntheticTrace.SMALL;
    SyntheticTrace other = new SyntheticTrace(one.header(), 8, 0.2);
    try (TraceReader a = TraceReader.open(one.write(folder.resolve("a")));
        TraceReader b = TraceReader.open(one.write(folder.resolve("b")));
        TraceReader c = TraceReader.open(other.write(folder.resolve("c")))) {
      assertEquals(a.digest(), b.digest());
      assertNotEquals(a.digest(), c.digest());
      assertEquals(64, a.digest().length());
    }
  }

  @Test
  void anExistingTargetIsRefusedOrReplacedWhole() throws IOException {
    Path target = SyntheticTrace.SMALL.write(folder.resolve("t"));
    byte[] before = Files.readAllBytes(target);
    SyntheticTrace other = new SyntheticTrace(SyntheticTrace.SMALL.header(), 9, 0.3);
    BadInputException refused =
        assertThrows(BadInputException.class, () -> other.write(target));
    assertTrue(refused.getMessage().contains("exists already"));
    try (TraceWriter writer =
        TraceWriter.open(target, other.header(), TraceWriter.Existing.REPLACE)) {
      other.traceRest(writer, layer -> {});
      assertArrayEquals(before, Files.readAllBytes(target), "untouched until finish");
      writer.finish();
    }
    try (TraceReader reader = TraceReader.open(target)) {
      assertHolds(other, reader);
    }
  }

  @Test
  void chunksOutOfTurnOrOfAnotherShapeAreRefused() {
    SyntheticTrace trace = SyntheticTrace.SMALL;
    try (TraceWriter writer =
        TraceWriter.open(folder.resolve("t"), trace.header(), TraceWriter.Existing.REFUSE)) {
      TraceChunk chunk = trace.chunk(0, 0);
      Class<IllegalArgumentException> refused = IllegalArgumentException.class;
      assertThrows(refused, () -> writer.append(1, 0, chunk));
      assertThrows(refused, () -> writer.append(0, 32, chunk));
      assertThrows(refused, () -> writer.append(0, 0, new TraceChunk(32, 99)));
      assertThrows(refused, () -> writer.append(0, 0, new TraceChunk(31, 100)));
      assertThrows(refused, () -> writer.endLayer(0, new byte[0]));
      assertThrows(IllegalStateException.class, writer::finish);
      TraceChunk stray = trace.chunk(0, 0);
      stray.masks()[1] |= 1L << 63;
      assertThrows(refused, () -> writer.append(0, 0, stray));
      writer.append(0, 0, chunk);
    }
  }

  @Test
  void aSecondWriterIsKeptOut() {
    Path target = folder.resolve("t");
    TraceHeader header = SyntheticTrace.SMALL.header();
    try (TraceWriter first = TraceWriter.open(target, header, TraceWriter.Existing.REPLACE)) {
      assertEquals(0, first.completedLayers());
      assertThrows(
          BadInputException.class,
          () -> TraceWriter.open(target, header, TraceWriter.Existing.REPLACE));
    }
  }

  @Test
  void aFullDiskIsAFaultThatSaysTheTraceResumes() throws IOException {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.isWritable(full), "the device that is always full");
    Path target = folder.resolve("t");
    Files.createSymbolicLink(TraceWriter.partialFile(target), full);
    FaultException fault =
        assertThrows(FaultException.class, () -> SyntheticTrace.SMALL.write(target));
    assertTrue(fault.getMessage().contains("No space left"), fault.getMessage());
    assertTrue(fault.getMessage().contains("resumes"), fault.getMessage());
    assertFalse(Files.exists(target));
  }
}
