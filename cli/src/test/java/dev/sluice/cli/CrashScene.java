package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.storage.trace.TraceReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A verb that makes or replaces something in a folder, and what may be there when it is ended before its time: the old thing,
 * the new one or none, byte for byte; and the same command, given again, makes the new one and leaves nothing beside it.
 */
final class CrashScene {
  /** A verb, and what it finds. */
  enum Work {
    IMPORT("new.sluice", "import", "CHECKPOINT", "-o", "TARGET"),
    REPLACE("old.sluice", "import", "OTHER", "-o", "TARGET", "--force"),
    IMPORT_LMDB("new.sluice", "import", "CHECKPOINT", "-o", "TARGET", "--container", "lmdb"),
    TRACE("new.trace", "trace", "-m", "STORE", "--text", "TEXT", "--tokens", "128", "-c", "64",
        "-o", "TARGET"),
    BUNDLE("new.sluice", "bundle", "-m", "STORE", "--trace", "TRACED", "-o", "TARGET"),
    BUNDLE_OVER("old.sluice", "bundle", "-m", "STORE", "--trace", "TRACED", "-o", "TARGET",
        "--force");

    private final String target;
    private final List<String> words;

    Work(String target, String... words) {
      this.target = target;
      this.words = List.of(words);
    }

    private boolean replaces() {
      return words.contains("--force");
    }

    private boolean bundles() {
      return words.contains("bundle");
    }
  }

  private final Work work;
  private final Path scratch;
  private final Path folder;
  private final Map<String, byte[]> old;
  private Map<String, byte[]> whole = Map.of();
  private String digest = ""; // of the trace, where one is made

  private CrashScene(Work work, Path scratch, Path folder) throws IOException {
    this.work = work;
    this.scratch = scratch;
    this.folder = folder;
    this.old = content(folder);
  }

  /** @param given an empty folder */
  static CrashScene prepare(Path given, Work work) throws IOException {
    Path scratch = given.toRealPath();
    Path folder = Files.createDirectory(scratch.resolve("disk"));
    TinyCheckpoint.write(scratch.resolve("checkpoint"));
    TinyCheckpoint other = TinyCheckpoint.write(scratch.resolve("other"));
    byte[] weights = Files.readAllBytes(other.weights());
    weights[weights.length - 2] ^= 1;
    Files.write(other.weights(), weights);
    Path text = Files.writeString(scratch.resolve("text.txt"), "The mill turns. ".repeat(20));
    if (work.replaces()) {
      done("import", scratch.resolve("checkpoint"), "-o", folder.resolve(work.target));
    }
    Path store = scratch.resolve("store.sluice");
    if (work == Work.TRACE || work.bundles()) {
      done("import", scratch.resolve("checkpoint"), "-o", store);
    }
    if (work.bundles()) {
      done("trace", "-m", store, "--text", text, "--tokens", "128", "-c", "64", "-o",
          scratch.resolve("store.trace"));
    }
    return new CrashScene(work, scratch, folder);
  }

  private static void done(Object... line) {
    CommandRun.inProcess(Arrays.stream(line).map(Object::toString).toArray(String[]::new))
        .assertDone();
  }

  Path folder() {
    return folder;
  }

  Path scratch() {
    return scratch;
  }

  /** The command line. */
  String[] line() {
    return work.words.stream()
        .map(
            word -> switch (word) {
              case "CHECKPOINT" -> scratch.resolve("checkpoint").toString();
              case "OTHER" -> scratch.resolve("other").toString();
              case "STORE" -> scratch.resolve("store.sluice").toString();
              case "TRACED" -> scratch.resolve("store.trace").toString();
              case "TEXT" -> scratch.resolve("text.txt").toString();
              case "TARGET" -> folder.resolve(work.target).toString();
              default -> word;
            })
        .toArray(String[]::new);
  }

  /** Compiles {@code record-writes.c}; the test is skipped where there is no compiler. */
  Path preloaded() throws IOException {
    Path source = scratch.resolve("record-writes.c");
    Path library = scratch.resolve("record-writes.so");
    try (InputStream in = CrashScene.class.getResourceAsStream("/record-writes.c")) {
      Files.copy(in, source);
    }
    CommandRun gcc =
        CommandRun.inShell(scratch, "gcc -O1 -shared -fPIC -o \"$1\" \"$2\" -ldl",
            library.toString(), source.toString());
    assumeTrue(gcc.exit() == 0, () -> "no C compiler here: " + gcc.err());
    return library;
  }

  /** Runs it in a JVM of its own, behind words of {@code sh} that set variables. */
  CommandRun run(String variables) throws IOException {
    String java = CommandRun.jvm(Main.class).replaceFirst("^exec ", "");
    return CommandRun.inShell(scratch, variables + " exec " + java + " \"$@\"", line());
  }

  /** Starts it in a JVM of its own, to be killed. */
  Process start() throws IOException {
    List<String> command =
        new ArrayList<>(List.of("sh", "-c", CommandRun.jvm(Main.class) + " \"$@\"", "sh"));
    command.addAll(List.of(line()));
    return new ProcessBuilder(command)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  /** What is there now is the new one. */
  void done() throws IOException {
    whole = content(folder);
    digest = work == Work.TRACE ? digest(folder.resolve(work.target)) : "";
  }

  /** All below the folder: files by their names, folders with a slash at the end. */
  static Map<String, byte[]> content(Path folder) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path file : walk.filter(file -> !file.equals(folder)).toList()) {
        boolean isFile = Files.isRegularFile(file);
        files.put(folder.relativize(file) + (isFile ? "" : "/"),
            isFile ? Files.readAllBytes(file) : new byte[0]);
      }
    }
    return files;
  }

  /** Makes the folder hold just that. */
  void lay(Map<String, byte[]> files) throws IOException {
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path file : walk.sorted((a, b) -> b.compareTo(a)).toList()) {
        if (!file.equals(folder)) {
          Files.delete(file);
        }
      }
    }
    for (Map.Entry<String, byte[]> entry : files.entrySet()) {
      Path file = folder.resolve(entry.getKey());
      if (entry.getKey().endsWith("/")) {
        Files.createDirectories(file);
      } else {
        Files.write(file, entry.getValue());
      }
    }
  }

  /** Makes the folder hold what was there before. */
  void layOld() throws IOException {
    lay(old);
  }

  private Map<String, byte[]> target(Map<String, byte[]> files) {
    Map<String, byte[]> only = new TreeMap<>();
    files.forEach((name, bytes) -> {
      if (name.equals(work.target) || name.startsWith(work.target + "/")) {
        only.put(name, bytes);
      }
    });
    return only;
  }

  private static boolean same(Map<String, byte[]> one, Map<String, byte[]> other) {
    return one.keySet().equals(other.keySet())
        && one.keySet().stream().allMatch(name -> Arrays.equals(one.get(name), other.get(name)));
  }

  /** Of files that a crash left: the target is the old one, or there is none, or it is the new one. */
  void assertOldNewOrNone(Map<String, byte[]> files, String what) {
    Map<String, byte[]> target = target(files);
    assertTrue(same(target, target(old)) || isNew(files),
        () -> what + " leaves neither the old nor the new: " + target.keySet());
  }

  /** Whether the target is the new one. */
  boolean isNew(Map<String, byte[]> files) {
    return same(target(files), target(whole));
  }

  /** The same command after the crash, unless the new one is there and need not be replaced. */
  void assertGoesOn(Map<String, byte[]> files, String what) throws IOException {
    lay(files);
    if (!work.replaces() && isNew(files)) {
      return;
    }
    CommandRun run = CommandRun.inProcess(line());
    assertEquals(0, run.exit(), () -> what + ": " + run);
    Map<String, byte[]> made = content(folder);
    assertEquals(whole.keySet(), made.keySet(), what);
    if (work == Work.TRACE) {
      // Blobs of the layer under way come before its chunks when it is gone on with; the digest is of what a trace says.
      assertEquals(digest, digest(folder.resolve(work.target)), what);
      return;
    }
    for (String name : whole.keySet()) {
      assertArrayEquals(whole.get(name), made.get(name), what + ": " + name);
    }
  }

  private static String digest(Path trace) {
    try (TraceReader reader = TraceReader.open(trace)) {
      reader.verify();
      return reader.digest();
    }
  }
}
