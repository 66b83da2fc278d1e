package dev.sluice.bundler.importer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.StoreWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An import that SIGKILL ends at any moment is gone on with, and no byte tells. */
class KilledImportTest {
  private static final Path FIXTURES =
      Path.of(System.getProperty("sluice.root")).resolve("fixtures");
  private static final long SEED = 4;
  private static final int SIGKILLED = 128 + 9;

  @TempDir
  Path scratch;

  private Path target;
  private final List<String> notices = new ArrayList<>();

  @BeforeEach
  void chooseTarget() {
    target = scratch.resolve("a.sluice");
  }

  @ParameterizedTest
  @ValueSource(strings = {"gguf/arcee-q8_0/model.gguf", "hf/llama-silu"})
  void aKilledImportIsGoneOnWithAndNoByteTells(String name) throws Exception {
    Path checkpoint = FIXTURES.resolve(name);
    Path whole = scratch.resolve("whole.sluice");
    int steps = steps(checkpoint, whole);
    SplittableRandom random = new SplittableRandom(SEED);
    for (int round = 0; round < 2; round++) {
      Process child = start(checkpoint, 0);
      awaitStep(child, 1 + random.nextInt(steps - 1));
      Thread.sleep(0, random.nextInt(999_999));
      kill(child);
      assertTrue(Files.notExists(target));
      goOn(checkpoint);
      assertSame(whole);
    }
    // At rest in its last step, when all layers but one are kept for certain.
    Process child = start(checkpoint, steps);
    awaitStep(child, steps);
    kill(child);
    goOn(checkpoint);
    assertSame(whole);
    assertEquals(1, notices.size());
    assertTrue(
        notices.getFirst().matches(
            "going on where a killed writer stopped: [1-9] of \\d+ layers and \\d+ resident .*"),
        notices::toString);
  }

  @Test
  void twoKillsAreNoWorseThanOne() throws Exception {
    Path checkpoint = FIXTURES.resolve("gguf/arcee-q8_0/model.gguf");
    Path whole = scratch.resolve("whole.sluice");
    int steps = steps(checkpoint, whole);
    for (int stop : new int[] {steps - 2, steps - 1}) {
      Process child = start(checkpoint, stop);
      awaitStep(child, stop);
      kill(child);
    }
    goOn(checkpoint);
    assertSame(whole);
    assertEquals(1, notices.size());
  }

  @Test
  void aSourceThatChangedIsReadAnew() throws Exception {
    Path checkpoint = scratch.resolve("model.gguf");
    Files.copy(FIXTURES.resolve("gguf/arcee-q8_0/model.gguf"), checkpoint);
    Path whole = scratch.resolve("whole.sluice");
    int steps = steps(checkpoint, whole);
    Process child = start(checkpoint, steps);
    awaitStep(child, steps);
    kill(child);
    Files.setLastModifiedTime(checkpoint, FileTime.fromMillis(1_700_000_000_000L));
    goOn(checkpoint);
    assertSame(whole);
    assertEquals(1, notices.size());
    assertTrue(notices.getFirst().startsWith("starting anew: "), notices::toString);
  }

  /** Imports without a kill; how often progress is heard. */
  private static int steps(Path checkpoint, Path whole) {
    int[] steps = {0};
    Importer.importCheckpoint(
        checkpoint, whole, StoreWriter.Options.DEFAULT, (done, total) -> steps[0]++);
    return steps[0];
  }

  private void goOn(Path checkpoint) {
    notices.clear();
    Importer.importCheckpoint(
        checkpoint, target, StoreWriter.Options.DEFAULT, ProgressListener.SILENT, notices::add);
  }

  /** Compares with the store of an import that nobody killed, and clears the way for the next. */
  private void assertSame(Path whole) throws IOException {
    List<Path> files = list(whole);
    assertEquals(
        files.stream().map(Path::getFileName).toList(),
        list(target).stream().map(Path::getFileName).toList());
    for (Path file : files) {
      Path other = target.resolve(file.getFileName());
      assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(other), file.toString());
      Files.delete(other);
    }
    Files.delete(target);
    assertTrue(
        list(scratch).stream().noneMatch(path -> path.toString().endsWith(".tmp")),
        "something is left");
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private Process start(Path checkpoint, int stopAt) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--"))
        .forEach(command::add);
    command.addAll(
        List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
            System.getProperty("java.class.path"), SlowImport.class.getName(),
            checkpoint.toString(), target.toString(), Integer.toString(stopAt)));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
  }

  private static void awaitStep(Process child, int step) throws IOException {
    BufferedReader out = child.inputReader();
    String line = out.readLine();
    while (line != null && !line.equals("step " + step)) {
      line = out.readLine();
    }
    assertEquals("step " + step, line);
  }

  private static void kill(Process child) throws InterruptedException {
    child.toHandle().destroyForcibly();
    assertEquals(SIGKILLED, child.waitFor());
  }
}
