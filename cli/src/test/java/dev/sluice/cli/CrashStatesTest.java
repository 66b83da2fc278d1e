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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every state that a crash can leave: the calls that change files are recorded while a verb runs, and after each of them all
 * that is left of the folder is laid out: everything, or what was flushed, or names without bytes, or bytes without names, or
 * half of the last write. In each of them the target is the old one, the new one or absent, byte for byte, and the same command
 * makes the new one.
 */
final class CrashStatesTest {
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

    String[] line(Path scratch, Path folder) {
      return words.stream()
          .map(
              word -> switch (word) {
                case "CHECKPOINT" -> scratch.resolve("checkpoint").toString();
                case "OTHER" -> scratch.resolve("other").toString();
                case "STORE" -> scratch.resolve("store.sluice").toString();
                case "TRACED" -> scratch.resolve("store.trace").toString();
                case "TEXT" -> scratch.resolve("text.txt").toString();
                case "TARGET" -> folder.resolve(target).toString();
                default -> word;
              })
          .toArray(String[]::new);
    }
  }

  @TempDir
  Path given;

  private Path scratch;
  private Path folder;
  private Path library;
  private String digest; // of the trace, where one is made

  private void prepare(Work work) throws IOException {
    scratch = given.toRealPath();
    folder = Files.createDirectory(scratch.resolve("disk"));
    TinyCheckpoint.write(scratch.resolve("checkpoint"));
    TinyCheckpoint other = TinyCheckpoint.write(scratch.resolve("other"));
    byte[] weights = Files.readAllBytes(other.weights());
    weights[weights.length - 2] ^= 1;
    Files.write(other.weights(), weights);
    Files.writeString(scratch.resolve("text.txt"), "The mill turns. ".repeat(20));
    library = compiled(scratch);
    if (work.target.startsWith("old")) {
      done("import", scratch.resolve("checkpoint"), "-o", folder.resolve("old.sluice"));
    }
    Path store = scratch.resolve("store.sluice");
    done("import", scratch.resolve("checkpoint"), "-o", store);
    if (work == Work.BUNDLE || work == Work.BUNDLE_OVER) {
      done("trace", "-m", store, "--text", scratch.resolve("text.txt"), "--tokens", "128", "-c",
          "64", "-o", scratch.resolve("store.trace"));
    }
  }

  private static void done(Object... line) {
    CommandRun.inProcess(Arrays.stream(line).map(Object::toString).toArray(String[]::new))
        .assertDone();
  }

  private static Path compiled(Path scratch) throws IOException {
    Path source = scratch.resolve("record-writes.c");
    try (InputStream in = CrashStatesTest.class.getResourceAsStream("/record-writes.c")) {
      Files.copy(in, source);
    }
    Path library = scratch.resolve("record-writes.so");
    CommandRun gcc =
        CommandRun.inShell(scratch, "gcc -O1 -shared -fPIC -o \"$1\" \"$2\" -ldl",
            library.toString(), source.toString());
    assumeTrue(gcc.exit() == 0, () -> "no C compiler here: " + gcc.err());
    return library;
  }

  private List<RecordedDisk.Call> record(Work work) throws IOException {
    Path log = scratch.resolve("calls");
    String java = CommandRun.jvm(Main.class).replaceFirst("^exec ", "");
    CommandRun.inShell(
        scratch,
        "RECORD_ROOT='" + folder + "' RECORD_LOG='" + log + "' LD_PRELOAD='" + library + "' exec "
            + java + " \"$@\"",
        work.line(scratch, folder)).assertDone();
    return RecordedDisk.calls(log);
  }

  private static Map<String, byte[]> content(Path folder) throws IOException {
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

  private static Map<String, byte[]> of(Map<String, byte[]> files, String target) {
    Map<String, byte[]> only = new TreeMap<>();
    files.forEach((name, bytes) -> {
      if (name.equals(target) || name.startsWith(target + "/")) {
        only.put(name, bytes);
      }
    });
    return only;
  }

  private static boolean same(Map<String, byte[]> one, Map<String, byte[]> other) {
    return one.keySet().equals(other.keySet())
        && one.keySet().stream().allMatch(name -> Arrays.equals(one.get(name), other.get(name)));
  }

  private static void lay(Path folder, Map<String, byte[]> files) throws IOException {
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

  /** @param every how many states there are to one in which the command is given again */
  private void enumerate(Work work, int every) throws IOException {
    prepare(work);
    Map<String, byte[]> old = content(folder);
    RecordedDisk disk = RecordedDisk.of(folder);
    List<RecordedDisk.Call> calls = record(work);
    Map<String, byte[]> whole = content(folder);
    digest = work == Work.TRACE ? digest(folder.resolve(work.target)) : "";
    Set<Integer> seen = new HashSet<>();
    List<String> again = new ArrayList<>();
    int states = 0;
    for (int k = 0; k < calls.size(); k++) {
      disk.apply(calls.get(k));
      for (RecordedDisk.Left left : RecordedDisk.Left.values()) {
        Map<String, byte[]> files = disk.left(left);
        if (!seen.add(hash(files))) {
          continue;
        }
        states++;
        String what = work + ", " + left + " of " + (k + 1) + " of " + calls.size() + " calls ("
            + calls.get(k).op() + " " + calls.get(k).name() + ")";
        Map<String, byte[]> target = of(files, work.target);
        assertTrue(
            target.isEmpty() && old.isEmpty() || same(target, of(old, work.target))
                || same(target, of(whole, work.target)),
            () -> what + " leaves neither the old nor the new: " + target.keySet());
        if (states % every == 0 || k + 1 == calls.size()) {
          again.add(what);
          goOn(work, files, target, whole, what);
        }
      }
    }
    disk.left(RecordedDisk.Left.ALL).forEach(
        (name, bytes) -> assertArrayEquals(whole.get(name), bytes, name));
    assertTrue(same(of(whole, work.target), of(disk.left(RecordedDisk.Left.FLUSHED), work.target)),
        "the new one is not sure when the command is done");
    assertTrue(states > 20 && !again.isEmpty(), states + " states of " + calls.size() + " calls");
  }

  private static String digest(Path trace) {
    try (TraceReader reader = TraceReader.open(trace)) {
      reader.verify();
      return reader.digest();
    }
  }

  private static int hash(Map<String, byte[]> files) {
    int hash = 0;
    for (Map.Entry<String, byte[]> entry : files.entrySet()) {
      hash = 31 * hash + entry.getKey().hashCode() * 17 + Arrays.hashCode(entry.getValue());
    }
    return hash;
  }

  /** The same command after the crash, unless the new one is there already. */
  private void goOn(Work work, Map<String, byte[]> files, Map<String, byte[]> target,
      Map<String, byte[]> whole, String what) throws IOException {
    lay(folder, files);
    boolean replaces = work.words.contains("--force");
    if (!replaces && !target.isEmpty()) {
      return;
    }
    CommandRun run = CommandRun.inProcess(work.line(scratch, folder));
    assertEquals(0, run.exit(), () -> what + ": " + run);
    Map<String, byte[]> made = content(folder);
    assertEquals(whole.keySet(), made.keySet(), what);
    for (String name : whole.keySet()) {
      if (work == Work.TRACE) {
        // Blobs of the layer under way come before its chunks when it is gone on with; the digest is of what a trace says.
        assertEquals(digest, digest(folder.resolve(name)), what);
        continue;
      }
      assertArrayEquals(whole.get(name), made.get(name), what + ": " + name);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Work.class, names = {"IMPORT", "TRACE", "BUNDLE_OVER"})
  void aCrashLeavesTheOldTheNewOrNone(Work work) throws IOException {
    enumerate(work, 30);
  }

  @ParameterizedTest
  @EnumSource(Work.class)
  @Tag("long")
  void andTheSameCommandMakesTheNew(Work work) throws IOException {
    enumerate(work, 1);
  }
}
