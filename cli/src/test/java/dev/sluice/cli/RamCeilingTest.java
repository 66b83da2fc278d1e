package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A run in a cgroup whose limit is the budget that it was given. */
@Tag("long")
final class RamCeilingTest {
  private static final Path MODEL = Path.of("../models/relu2").toAbsolutePath().normalize();
  private static final int FEW_FAULTS = 8;
  private static final long MIB = 1L << 20;

  @TempDir
  Path work;

  /** A memory cgroup of either version. */
  private record Group(Path folder, String limitFile, String failures, String anonymous,
      String mapped) implements AutoCloseable {

    static Optional<Group> create(String name) {
      Group first = new Group(Path.of("/sys/fs/cgroup/memory", name), "memory.limit_in_bytes",
          "memory.failcnt", "rss", "mapped_file");
      Group second = new Group(Path.of("/sys/fs/cgroup", name), "memory.max", "memory.events",
          "anon", "file_mapped");
      return Stream.of(first, second).filter(Group::make).findFirst();
    }

    private boolean make() {
      try {
        Files.createDirectory(folder);
        if (Files.isWritable(folder.resolve(limitFile))) {
          return true;
        }
        Files.delete(folder);
        return false;
      } catch (IOException e) {
        return false; // this user may not, or there is no such controller
      }
    }

    void limit(long bytes) throws IOException {
      Files.writeString(folder.resolve(limitFile), Long.toString(bytes));
    }

    long hits() throws IOException {
      String text = Files.readString(folder.resolve(failures)).strip();
      return failures.endsWith("failcnt") ? Long.parseLong(text) : value(text, "max");
    }

    long heldBytes() throws IOException {
      String stat = Files.readString(folder.resolve("memory.stat"));
      return value(stat, anonymous) + value(stat, mapped);
    }

    private static long value(String lines, String name) {
      return lines.lines().filter(line -> line.startsWith(name + " "))
          .mapToLong(line -> Long.parseLong(line.substring(name.length() + 1).strip())).sum();
    }

    @Override
    public void close() throws IOException {
      Files.delete(folder);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 3, 64})
  void isNeverHit(long mebibytesAboveTheFloor) throws Exception {
    Optional<Group> made = Group.create("sluice-ceiling-" + ProcessHandle.current().pid());
    assumeTrue(made.isPresent(), "no cgroup with a memory limit can be made here (root may)");
    try (Group group = made.get()) {
      String store = work.resolve("relu2.sluice").toString();
      CommandRun.inProcess("import", MODEL.toString(), "-o", store).assertDone();
      String ids = IntStream.range(0, 128).map(i -> 5 + 29 * i % 4000).mapToObj(String::valueOf)
          .collect(Collectors.joining(","));
      List<String> verb = new ArrayList<>(
          List.of("run", "-m", store, "--prompt-ids", ids, "-n", "48", "-c", "192", "--ram"));
      long floor = floorMebibytes(verb);
      long limit = (floor + mebibytesAboveTheFloor) * MIB;
      group.limit(limit);
      verb.add((floor + mebibytesAboveTheFloor) + "M");
      Watched watched = run(group, verb);
      assertEquals(0, watched.exit, () -> said());
      assertEquals(0, group.hits(), "the limit was hit");
      assertTrue(watched.heldBytes <= limit, watched.heldBytes + " bytes of " + limit);
      // Pages of libraries may be touched for the first time when it ends, or dropped by someone else meanwhile.
      assertTrue(watched.lateMajorFaults <= FEW_FAULTS, watched.lateMajorFaults + " major faults");
      assertTrue(watched.samples > 4, "the run was hardly seen");
    }
  }

  /** What a refusal asks for. */
  private long floorMebibytes(List<String> verb) {
    List<String> small = new ArrayList<>(verb);
    small.add("1M");
    String refusal = CommandRun.inProcess(small.toArray(String[]::new)).err();
    return Long.parseLong(refusal.replaceAll("(?s).*--ram (\\d+)M.*", "$1"));
  }

  private String said() {
    try {
      return Files.readString(work.resolve("err"));
    } catch (IOException e) {
      return "nothing";
    }
  }

  /** @param lateMajorFaults in the second half of the run */
  private record Watched(int exit, long heldBytes, long lateMajorFaults, int samples) {}

  private Watched run(Group group, List<String> verb) throws Exception {
    CommandRun sized = CommandRun.inChild(work, JvmSizing.class, verb.toArray(String[]::new));
    String flags = sized.out().lines().collect(Collectors.joining(" "));
    assertTrue(flags.contains("-Xmx"), sized::toString);
    // As the launcher does, but with the optimising compiler's memory too.
    String java = CommandRun.jvm(Main.class).replace("-XX:TieredStopAtLevel=1", flags);
    List<String> command = new ArrayList<>(List.of("sh", "-c",
        "echo $$ > \"$0\" && export MALLOC_ARENA_MAX=2 && " + java + " \"$@\"",
        group.folder.resolve("cgroup.procs").toString()));
    command.addAll(verb);
    Process process = new ProcessBuilder(command).redirectOutput(Redirect.DISCARD)
        .redirectError(work.resolve("err").toFile()).start();
    List<Long> faults = new ArrayList<>();
    long held = 0;
    try {
      while (process.isAlive()) {
        held = Math.max(held, group.heldBytes());
        majorFaults(process.pid()).ifPresent(faults::add);
        Thread.sleep(10);
      }
    } finally {
      process.destroyForcibly();
    }
    int exit = process.waitFor();
    long late = faults.isEmpty() ? 0 : faults.getLast() - faults.get(faults.size() / 2);
    return new Watched(exit, held, late, faults.size());
  }

  /** Field 12 of {@code /proc/PID/stat}; empty when the process is gone. */
  private static Optional<Long> majorFaults(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      boolean ended = fields[0].equals("Z");
      return ended ? Optional.empty() : Optional.of(Long.parseLong(fields[9]));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** The same refusal as for a size, by the cgroup that the process is in. */
  @Test
  void aBudgetAboveTheGroupsIsRefused() throws Exception {
    Optional<Group> made = Group.create("sluice-refused-" + ProcessHandle.current().pid());
    assumeTrue(made.isPresent(), "no cgroup with a memory limit can be made here (root may)");
    try (Group group = made.get()) {
      String store = work.resolve("relu2.sluice").toString();
      CommandRun.inProcess("import", MODEL.toString(), "-o", store).assertDone();
      group.limit(600 * MIB);
      CommandRun run = CommandRun.inShell(work,
          "echo $$ > '" + group.folder.resolve("cgroup.procs") + "' && "
              + CommandRun.jvm(Main.class) + " \"$@\"",
          "run", "-m", store, "--prompt-ids", "1,2", "--ram", "1G");
      run.assertRefused(CommandRun.BAD_INPUT, "--ram", "1024 MiB are more than the 600 MiB");
    }
  }
}
