package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.StoreFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/**
 * Stores cut short and with flipped bytes, in each of their files: whichever verb meets them says so in one line, the JVM
 * stays alive (it is a child here, because a truncated map would kill it), and nothing is left beside any target.
 */
final class DamagedStoreTest {
  @TempDir
  Path work;

  @TempDir
  Path scratch;

  private Path outputs;
  private Path traces;
  private final Set<String> resumable = new TreeSet<>();
  private Path text;
  private Path trace;
  private Path existing;
  private final List<List<String>> lines = new ArrayList<>();
  private final List<Expected> expected = new ArrayList<>();

  /** How a line must end. */
  private record Expected(String line, int exit, Path file, String cause) {}

  private static void done(String... line) {
    CommandRun.inProcess(line).assertDone();
  }

  private Path makeStore(Container container) throws IOException {
    Path store = scratch.resolve(container + ".sluice");
    Path checkpoint = scratch.resolve("checkpoint-" + container);
    TinyCheckpoint.write(checkpoint);
    done("import", checkpoint.toString(), "-o", store.toString(), "--container",
        container.name().toLowerCase(Locale.ROOT));
    return store;
  }

  private static Path copy(Path store, Path to) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> files = Files.list(store)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
    return to;
  }

  private void expect(int exit, Path file, String cause, Object... line) {
    List<String> arguments = Arrays.stream(line).map(Object::toString).toList();
    lines.add(arguments);
    expected.add(new Expected(String.join(" ", arguments), exit, file, cause));
  }

  private void expectVerifyRefused(int exit, Path store, Path file, String cause) {
    expect(exit, file, cause, "verify", store);
  }

  private void expectUseRefused(int exit, Path store, Path file, String cause) {
    Object[] run = {"run", "-m", store, "--prompt-ids", "5,17,300", "-n", "2"};
    expect(exit, file, cause, and(run, "--logits-out", outputs.resolve("new.logits")));
    if (file.getFileName().toString().startsWith("ffn.")) {
      expect(exit, file, cause, and(run, "--io", "mmap"));
    }
    Path traced = traces.resolve(store.getFileName());
    expect(exit, file, cause, "trace", "-m", store, "--text", text, "--tokens", "128", "-c", "64",
        "-o", traced);
    Object[] bundle = {"bundle", "-m", store, "--trace", trace, "-o"};
    expect(exit, file, cause, and(bundle, outputs.resolve("new.sluice")));
    expect(exit, file, cause, and(bundle, existing, "--force"));
  }

  private static Object[] and(Object[] line, Object... more) {
    return Stream.concat(Arrays.stream(line), Arrays.stream(more)).toArray();
  }

  @Test
  void everyVerbRefusesThem() throws IOException {
    outputs = Files.createDirectory(work.resolve("outputs"));
    traces = Files.createDirectory(scratch.resolve("traces"));
    text = Files.writeString(scratch.resolve("text.txt"), "The mill turns. ".repeat(20));
    for (Container container : Container.values()) {
      Path sound = makeStore(container);
      trace = scratch.resolve(container + ".trace");
      done("trace", "-m", sound.toString(), "--text", text.toString(), "--tokens", "128", "-c",
          "64", "-o", trace.toString());
      existing = copy(sound, outputs.resolve("there-" + container));
      for (String name : List.of(StoreFormat.MANIFEST, StoreFormat.CATALOG, StoreFormat.DENSE,
          StoreFormat.ffnFile(container))) {
        cut(sound, name);
        flip(sound, name);
      }
    }
    FolderContent before = FolderContent.of(work);
    List<CommandRun> runs = CommandLines.run(scratch, lines);
    List<Executable> checks = new ArrayList<>();
    for (int k = 0; k < runs.size(); k++) {
      CommandRun run = runs.get(k);
      Expected want = expected.get(k);
      checks.add(
          () -> assertDoesNotThrow(
              () -> {
                if (want.line.startsWith("verify ")) {
                  assertListed(run, want);
                } else {
                  run.assertRefused(want.exit, want.file, want.cause);
                }
              },
              want.line));
    }
    checks.add(before::assertUnchanged);
    // A trace that had finished a layer goes on there when the store is whole again; of others nothing stays.
    try (Stream<Path> files = Files.list(traces)) {
      Set<String> left =
          files.map(file -> file.getFileName().toString()).collect(Collectors.toSet());
      checks.add(() -> assertEquals(resumable, new TreeSet<>(left)));
    }
    assertAll(checks);
  }

  /** Verify goes on to the end: a line for each fault, all of them of this file, and the cause in the first. */
  private static void assertListed(CommandRun run, Expected want) {
    assertEquals(want.exit, run.exit(), run::toString);
    assertEquals("", run.out());
    List<String> said = run.err().lines().toList();
    assertTrue(said.getFirst().contains(want.cause), run::toString);
    for (String line : said) {
      assertTrue(line.startsWith("sluice: " + want.file + ": "), run::toString);
      assertTrue(line.contains("; "), run::toString);
    }
  }

  private void cut(Path sound, String name) throws IOException {
    int whole = (int) Files.size(sound.resolve(name));
    for (int length : new int[] {0, whole / 2, whole - 1}) {
      Path store = copy(sound, work.resolve(sound.getFileName() + "-" + name + "-cut-" + length));
      Path file = store.resolve(name);
      Files.write(file, Arrays.copyOf(Files.readAllBytes(file), length));
      String cause =
          !name.equals(StoreFormat.MANIFEST) ? "has " + length + " bytes instead of " + whole
              : length == 0 ? "not the manifest of a store" : "bytes of JSON instead of";
      expectVerifyRefused(
          name.equals(StoreFormat.MANIFEST) ? CommandRun.BAD_INPUT : CommandRun.FAULT, store, file,
          cause);
      expectUseRefused(CommandRun.BAD_INPUT, store, file, cause);
    }
  }

  private void flip(Path sound, String name) throws IOException {
    int whole = (int) Files.size(sound.resolve(name));
    for (int at : new int[] {0, whole / 2, whole - 1}) {
      String title = sound.getFileName() + "-" + name + "-flip-" + at;
      Path store = copy(sound, work.resolve(title));
      Path file = store.resolve(name);
      byte[] bytes = Files.readAllBytes(file);
      bytes[at] ^= 0x10;
      Files.write(file, bytes);
      boolean magic = name.equals(StoreFormat.MANIFEST) && at == 0;
      int exit = magic ? CommandRun.BAD_INPUT : CommandRun.FAULT;
      String cause = magic ? "not the manifest of a store" : "does not match its";
      expectVerifyRefused(exit, store, file, cause);
      // The ends of an LMDB file are LMDB's own; only verify reads them.
      if (!name.equals("ffn.mdb") || at == whole / 2) {
        expectUseRefused(exit, store, file, cause);
      }
      if (name.startsWith("ffn.") && (at == whole / 2 || name.equals("ffn.bin") && at > 0)) {
        resumable.addAll(List.of(title + ".partial", title + ".state"));
      }
    }
  }
}
