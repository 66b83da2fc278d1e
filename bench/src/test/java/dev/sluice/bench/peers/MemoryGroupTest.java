package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bench.peers.MemoryController.Version;
import dev.sluice.bench.peers.MemoryGroup.Occupancy;
import dev.sluice.bench.peers.MemoryGroup.Tally;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The two interfaces as the kernel documents them, laid out in a folder of plain files. */
class MemoryGroupTest {
  @TempDir
  private Path root;

  @Test
  void firstVersionIsFoundAtTheNearestFolderAbove() throws IOException {
    Path own = Files.createDirectories(root.resolve("slice/job"));
    Files.writeString(root.resolve("memory.limit_in_bytes"), "9223372036854771712\n");
    List<String> groups = List.of("8:pids:/", "4:memory:/slice/job", "0::/elsewhere");
    assertEquals(Optional.of(new MemoryController(Version.V1, root)),
        MemoryController.find(List.of(mount("cgroup", "rw,cpu"), mount("cgroup", "rw,memory")),
            groups));
    Files.writeString(own.resolve("memory.limit_in_bytes"), "1\n");
    assertEquals(Optional.of(new MemoryController(Version.V1, own)),
        MemoryController.find(List.of(mount("cgroup", "rw,memory")), groups));
  }

  @Test
  void secondVersionNeedsTheControllerHandedDown() throws IOException {
    Path own = Files.createDirectories(root.resolve("user/scope"));
    Files.writeString(own.resolve("cgroup.subtree_control"), "\n");
    Files.writeString(root.resolve("user/cgroup.subtree_control"), "cpu memory pids\n");
    List<String> groups = List.of("0::/user/scope");
    assertEquals(Optional.of(new MemoryController(Version.V2, root.resolve("user"))),
        MemoryController.find(List.of(mount("cgroup2", "rw")), groups));
    Files.writeString(root.resolve("user/cgroup.subtree_control"), "cpu memory.x pids\n");
    assertEquals(Optional.empty(),
        MemoryController.find(List.of(mount("cgroup2", "rw"), "nonsense", "1 2 - "), groups));
  }

  private String mount(String type, String options) {
    return "30 25 0:26 / " + root + " rw,relatime shared:9 - " + type + " cgroup " + options;
  }

  @Test
  void readsTheFirstVersionsCounters() throws IOException {
    MemoryGroup group = group(Version.V1, OptionalLong.empty());
    Path folder = root.resolve("run");
    Files.writeString(folder.resolve("memory.stat"),
        "cache 300\nrss 20\nmapped_file 7\ntotal_rss 99\n");
    Files.writeString(folder.resolve("memory.max_usage_in_bytes"), "321\n");
    Files.writeString(folder.resolve("memory.failcnt"), "5\n");
    Files.writeString(folder.resolve("memory.oom_control"),
        "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    assertEquals(new Occupancy(20, 7, 300), group.occupancy());
    assertEquals(new Tally(321, 5, 2), group.tally());
  }

  @Test
  void readsTheSecondVersionsCounters() throws IOException {
    MemoryGroup group = group(Version.V2, OptionalLong.of(4096));
    Path folder = root.resolve("run");
    assertEquals("4096", Files.readString(folder.resolve("memory.max")));
    Files.writeString(folder.resolve("memory.stat"), "anon 20\nfile 300\nfile_mapped 7\n");
    Files.writeString(folder.resolve("memory.peak"), "321\n");
    Files.writeString(folder.resolve("memory.events"), "low 0\nhigh 1\nmax 5\noom 3\noom_kill 2\n");
    assertEquals(new Occupancy(20, 7, 300), group.occupancy());
    assertEquals(new Tally(321, 5, 2), group.tally());
  }

  @Test
  void countersThatThisKernelLacksAreNought() {
    MemoryGroup group = group(Version.V2, OptionalLong.empty());
    assertEquals(Occupancy.NONE, group.occupancy());
    assertEquals(new Tally(0, 0, 0), group.tally());
  }

  @Test
  void isGoneAfterwardsAndNeverTakesAnotherOnesFolder() {
    MemoryGroup group = group(Version.V1, OptionalLong.empty());
    assertThrows(FaultException.class, () -> group(Version.V1, OptionalLong.empty()));
    group.close();
    assertFalse(Files.exists(root.resolve("run")));
  }

  /** On this machine's own cgroups: a process that reads more than its limit hits it, one that does not does not. */
  @Test
  void theKernelCountsHits() throws IOException {
    MemoryController controller;
    try {
      controller = MemoryController.find();
    } catch (FaultException e) {
      assumeTrue(false, e::getMessage);
      return;
    }
    Path file = root.resolve("file");
    Files.write(file, new byte[64 << 20]);
    for (long limitBytes : new long[] {32L << 20, 256L << 20}) {
      PageCache.drop(List.of(file));
      String name = "sluice-test-" + ProcessHandle.current().pid() + "-" + limitBytes;
      try (MemoryGroup group = MemoryGroup.create(controller, name, OptionalLong.of(limitBytes))) {
        Child.run("cat", List.of("sh", "-c", "cat " + file + " > /dev/null; echo done"), group,
            Processors.first(1));
        assertEquals(limitBytes < 64 << 20, group.tally().limitHits() > 0);
        assertTrue(group.tally().peakBytes() <= limitBytes);
      }
      assertFalse(Files.exists(controller.parent().resolve(name)));
    }
  }

  private MemoryGroup group(Version version, OptionalLong limitBytes) {
    return MemoryGroup.create(new MemoryController(version, root), "run", limitBytes);
  }
}
