package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/**
 * A killed writer is stood in for by a copy of its temporary folder, taken between two steps, under the name of a process
 * that cannot exist.
 */
class ResumableStoreTest {
  private static final ModelSpec SPEC = StoreFixtures.spec(FfnForm.GATED, TensorType.F16);
  private static final long SEED = 77;
  private static final int[] IDENTITY = IntStream.range(0, SPEC.feedForward()).toArray();
  private static final String LEFT = ".b.sluice.999999999-0123456789abcdef.tmp";

  /** Where flushes cost nothing, if there is such a place: these tests make hundreds. */
  static final class QuickFolder implements TempDirFactory {
    private static final Path MEMORY = Path.of("/dev/shm");

    @Override
    public Path createTempDirectory(
        AnnotatedElementContext element, ExtensionContext context) throws IOException {
      return Files.isWritable(MEMORY) ? Files.createTempDirectory(MEMORY, "sluice-test")
          : Files.createTempDirectory("sluice-test");
    }
  }

  @TempDir(factory = QuickFolder.class)
  Path scratch;

  private Path whole;
  private Path target;
  private final List<String> notices = new ArrayList<>();

  @BeforeEach
  void writeWithoutAKill() {
    whole = scratch.resolve("a.sluice");
    target = scratch.resolve("b.sluice");
    try (StoreWriter writer = StoreWriter.create(whole, SPEC, StoreWriter.Options.DEFAULT)) {
      steps(writer).forEach(Runnable::run);
      writer.publish();
    }
  }

  private StoreWriter resumable(Path where, String source) {
    return StoreWriter.resumable(
        where, SPEC, StoreWriter.Options.DEFAULT, source, notices::add);
  }

  /** One for each tensor and each layer that is not there yet; kept after each. */
  private static List<Runnable> steps(StoreWriter writer) {
    writer.tokenizerJson(StoreFixtures.TOKENIZER);
    writer.provenance(StoreFixtures.PROVENANCE);
    Set<String> there = new HashSet<>();
    writer.written().tensors().forEach(tensor -> there.add(tensor.name()));
    List<Runnable> steps = new ArrayList<>();
    for (Map.Entry<String, byte[]> tensor : StoreFixtures.dense(SPEC, SEED).entrySet()) {
      if (!there.contains(tensor.getKey())) {
        steps.add(
            () -> writer.dense(
                tensor.getKey(), TensorType.F16, List.of(tensor.getValue().length / 2),
                MemorySegment.ofArray(tensor.getValue())));
      }
    }
    for (int i = writer.written().layers(); i < SPEC.layers(); i++) {
      int layer = i;
      steps.add(
          () -> writer.ffnLayer(
              layer, IDENTITY,
              (neuron, bundle) -> bundle.copyFrom(
                  MemorySegment.ofArray(StoreFixtures.bundle(SPEC, SEED, layer, neuron)))));
    }
    return steps;
  }

  /** What a writer that was killed after so many steps leaves; {@code extra} more may be written but not kept. */
  private Path killedAfter(int steps, int extra) throws IOException {
    Path left = scratch.resolve(LEFT);
    Path other = scratch.resolve("c.sluice");
    try (StoreWriter writer = resumable(other, "source")) {
      List<Runnable> all = steps(writer);
      for (Runnable step : all.subList(0, steps)) {
        step.run();
        writer.keep();
      }
      writer.keep(); // waits for the one before
      all.subList(steps, steps + extra).forEach(Runnable::run);
      Path folder =
          StoreFixtures.list(scratch).stream()
              .filter(path -> path.getFileName().toString().startsWith(".c.sluice"))
              .findFirst()
              .orElseThrow();
      StoreFixtures.copy(folder, left);
    }
    return left;
  }

  /** Writes what is missing; returns how much there was. */
  private StoreWriter.Written goOn(String source) throws IOException {
    StoreWriter.Written there;
    try (StoreWriter writer = resumable(target, source)) {
      there = writer.written();
      for (Runnable step : steps(writer)) {
        step.run();
        writer.keep();
      }
      writer.publish();
    }
    assertSame();
    assertEquals(List.of(whole, target), StoreFixtures.list(scratch));
    return there;
  }

  private void assertSame() throws IOException {
    List<Path> files = StoreFixtures.list(whole);
    assertEquals(
        files.stream().map(Path::getFileName).toList(),
        StoreFixtures.list(target).stream().map(Path::getFileName).toList());
    for (Path file : files) {
      assertArrayEquals(
          Files.readAllBytes(file), Files.readAllBytes(target.resolve(file.getFileName())),
          file.getFileName().toString());
    }
  }

  private void again() throws IOException {
    for (Path file : StoreFixtures.list(target)) {
      Files.delete(file);
    }
    Files.delete(target);
    notices.clear();
  }

  @Test
  void itGoesOnAfterTheLastStepThatWasKept() throws IOException {
    for (int steps = 0; steps <= 5; steps++) {
      for (int extra = 0; extra <= Math.min(1, 5 - steps); extra++) {
        killedAfter(steps, extra);
        StoreWriter.Written there = goOn("source");
        assertEquals(Math.min(steps, 3), there.tensors().size());
        assertEquals(Math.max(0, steps - 3), there.layers());
        assertEquals(steps == 0 ? 0 : 1, notices.size(), notices::toString);
        assertTrue(steps == 0 || notices.getFirst().startsWith(
            "going on where a killed writer stopped: " + there.layers() + " of 2 layers"));
        again();
      }
    }
  }

  @Test
  void aJournalThatWasCutAnywhereIsBelievedAsFarAsItIsWhole() throws IOException {
    SplittableRandom random = new SplittableRandom(SEED);
    Set<Integer> layersFound = new HashSet<>();
    Path left = killedAfter(5, 0);
    Path kept = scratch.resolveSibling(scratch.getFileName() + "-kept");
    Files.move(left, kept);
    for (int round = 0; round < 12; round++) {
      StoreFixtures.copy(kept, left);
      Path journal = left.resolve(StoreFormat.JOURNAL);
      byte[] bytes = Files.readAllBytes(journal);
      int cut =
          round == 11 ? bytes.length
              : (round * bytes.length + random.nextInt(bytes.length)) / 12;
      Files.write(journal, Arrays.copyOf(bytes, cut));
      layersFound.add(goOn("source").layers());
      again();
    }
    for (Path file : StoreFixtures.list(kept)) {
      Files.delete(file);
    }
    Files.delete(kept);
    assertEquals(Set.of(0, 1, 2), layersFound);
  }

  @Test
  void whatFollowsTheKeptBytesDoesNotMatter() throws IOException {
    Path left = killedAfter(4, 0);
    for (String name : List.of(StoreFormat.DENSE, StoreFormat.ffnFile(Container.FILE),
        StoreFormat.MANIFEST, StoreFormat.CATALOG, StoreFormat.JOURNAL)) {
      Files.write(left.resolve(name), new byte[10_000], StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    }
    assertEquals(1, goOn("source").layers());
  }

  @Test
  void aDamagedLeftoverIsNotTrusted() throws IOException {
    SplittableRandom random = new SplittableRandom(SEED);
    for (String name : List.of(StoreFormat.DENSE, StoreFormat.ffnFile(Container.FILE))) {
      for (int round = 0; round < 4; round++) {
        Path file = killedAfter(5, 0).resolve(name);
        byte[] bytes = Files.readAllBytes(file);
        int kept = name.equals(StoreFormat.DENSE) ? denseBytes() : bytes.length;
        int at = random.nextInt(kept);
        if (round == 0) {
          bytes = Arrays.copyOf(bytes, at);
        } else {
          bytes[at] ^= (byte) (1 << random.nextInt(8));
        }
        Files.write(file, bytes);
        StoreWriter.Written there = goOn("source");
        assertEquals(0, there.layers() + there.tensors().size());
        assertEquals(1, notices.size());
        assertTrue(
            notices.getFirst().startsWith(
                "starting anew: what a killed writer left is damaged (")
                && notices.getFirst().contains(name),
            notices::toString);
        again();
      }
    }
  }

  /** A writer that went on is killed itself, before it has written anything. */
  @Test
  void goingOnLosesNothing() throws IOException {
    for (int steps = 1; steps <= 5; steps++) {
      Path left = killedAfter(steps, 0);
      try (StoreWriter writer = resumable(target, "source")) {
        assertEquals(Math.min(steps, 3), writer.written().tensors().size());
        Path taken =
            StoreFixtures.list(scratch).stream()
                .filter(path -> path.getFileName().toString().startsWith(".b.sluice"))
                .findFirst()
                .orElseThrow();
        assertTrue(Files.notExists(left) || taken.equals(left));
        StoreFixtures.copy(taken, scratch.resolve("kept"));
      }
      Files.move(scratch.resolve("kept"), left);
      StoreWriter.Written there = goOn("source");
      assertEquals(Math.min(steps, 3), there.tensors().size());
      assertEquals(Math.max(0, steps - 3), there.layers());
      again();
    }
  }

  @Test
  void whatIsDueIsFlushed() throws IOException {
    for (Duration every : List.of(Duration.ZERO, Duration.ofDays(1))) {
      try (StoreWriter writer =
          StoreWriter.resumable(
              target, SPEC, StoreWriter.Options.DEFAULT, "source", notices::add, every)) {
        for (Runnable step : steps(writer)) {
          step.run();
          writer.keep();
        }
        writer.keep(); // waits for the one before
        Path folder =
            StoreFixtures.list(scratch).stream()
                .filter(path -> path.getFileName().toString().startsWith(".b.sluice"))
                .findFirst()
                .orElseThrow();
        Path journal = Files.copy(folder.resolve(StoreFormat.JOURNAL), scratch.resolve("journal"));
        try (Journal flushed = Journal.resume(journal, Journal.Danger.POWER_CUT)) {
          assertEquals(every.isZero() ? SPEC.layers() : 0, flushed.state().layers());
        }
        Files.delete(journal);
      }
    }
  }

  /** A power cut leaves lines of the journal whose bytes did not reach the device; those that were flushed are there. */
  @Test
  void whatWasFlushedOutlivesAPowerCut() throws IOException {
    SplittableRandom random = new SplittableRandom(SEED);
    for (int flushed = 1; flushed <= 4; flushed++) {
      for (String name : List.of(StoreFormat.DENSE, StoreFormat.ffnFile(Container.FILE))) {
        Path left = killedAfter(5, 0);
        Journal.State safe = flushAfter(left, flushed);
        Path file = left.resolve(name);
        byte[] bytes = Files.readAllBytes(file);
        boolean isDense = name.equals(StoreFormat.DENSE);
        int from =
            isDense ? (int) safe.denseBytes()
                : safe.layers() * (bytes.length / SPEC.layers());
        int to = isDense ? denseBytes() : bytes.length;
        if (from == to) { // all of it was flushed, nothing lost
          assertEquals(SPEC.layers(), goOn("source").layers());
          again();
          continue;
        }
        if (random.nextBoolean()) {
          bytes = Arrays.copyOf(bytes, from + random.nextInt(to - from));
        } else {
          Arrays.fill(bytes, from, to, (byte) 0);
        }
        Files.write(file, bytes);
        StoreWriter.Written there = goOn("source");
        String what = flushed + " steps flushed, " + name;
        assertEquals(safe.tensors().size(), there.tensors().size(), what);
        assertEquals(safe.layers(), there.layers(), what);
        assertEquals(2, notices.size(), notices::toString);
        assertTrue(
            notices.getFirst()
                .startsWith("what was written last is damaged or did not reach the device ("),
            notices::toString);
        again();
      }
    }
  }

  /** Writes a leftover's journal again as if its first steps had been flushed; returns how far these had come. */
  private static Journal.State flushAfter(Path left, int steps) throws IOException {
    Path file = left.resolve(StoreFormat.JOURNAL);
    String[] lines = Files.readString(file).split("\n");
    List<Journal.State> states = new ArrayList<>();
    for (int count = 2; count <= lines.length; count++) {
      Files.writeString(file, String.join("\n", Arrays.copyOf(lines, count)) + "\n");
      try (Journal journal = Journal.resume(file, Journal.Danger.KILL)) {
        if (states.isEmpty() || !journal.state().equals(states.getLast())) {
          states.add(journal.state());
        }
      }
    }
    String plan = Journal.planIn(left).orElseThrow();
    Files.delete(file);
    try (Journal journal = Journal.start(file, plan)) {
      for (int i = 0; i < states.size(); i++) {
        journal.append(
            states.get(i), i < steps ? Journal.Danger.POWER_CUT : Journal.Danger.KILL);
      }
    }
    return states.get(steps - 1);
  }

  /** Bytes of dense.bin up to the end of its last tensor. */
  private int denseBytes() {
    try (Store store = Store.open(whole)) {
      DenseTensor last = store.denseTensors().getLast();
      return (int) (last.offsetBytes() + last.bytes());
    }
  }

  @Test
  void aLeftoverOfAnotherSourceOrOptionsIsNotUsed() throws IOException {
    killedAfter(4, 0);
    assertEquals(0, goOn("source, touched").layers());
    assertEquals(1, notices.size());
    assertTrue(notices.getFirst().startsWith("starting anew: "), notices::toString);
    assertTrue(notices.getFirst().contains("another source"), notices::toString);
    again();

    Path left = killedAfter(4, 0);
    StoreWriter.Options padded =
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 4096, Existing.REFUSE);
    try (StoreWriter writer =
        StoreWriter.resumable(target, SPEC, padded, "source", notices::add)) {
      assertEquals(0, writer.written().layers());
    }
    assertEquals(1, notices.size());
    assertTrue(Files.notExists(left));
    notices.clear();

    left = killedAfter(4, 0);
    try (FileChannel journal =
        FileChannel.open(left.resolve(StoreFormat.JOURNAL), StandardOpenOption.WRITE)) {
      journal.truncate(20);
    }
    assertEquals(0, goOn("source").layers());
    assertEquals(1, notices.size());
    assertTrue(notices.getFirst().contains("has a damaged journal"), notices::toString);
  }

  @Test
  void othersStartAnewWithoutAWord() throws IOException {
    killedAfter(4, 0);
    try (StoreWriter writer = StoreWriter.create(target, SPEC, StoreWriter.Options.DEFAULT)) {
      assertEquals(0, writer.written().layers());
      writer.keep();
    }
    assertEquals(List.of(whole), StoreFixtures.list(scratch));
    assertEquals(List.of(), notices);
  }
}
