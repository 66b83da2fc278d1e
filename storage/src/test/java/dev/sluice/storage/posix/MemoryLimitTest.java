package dev.sluice.storage.posix;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Over imagined /proc and /sys, as the kernel writes them. */
class MemoryLimitTest {
  private static final String V1 =
      "31 24 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";
  private static final String V2 =
      "32 24 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

  @TempDir
  Path root;

  private void file(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private void proc(String mounts, String groups) throws IOException {
    file("proc/self/mountinfo", "24 1 0:22 / / rw - ext4 /dev/vda rw\n" + mounts);
    file("proc/self/cgroup", groups);
    file("proc/meminfo", "MemTotal:       24000000 kB\nMemAvailable:    8000000 kB\n");
    file("proc/self/status", "Name:\tjava\nVmRSS:\t  100000 kB\n");
  }

  @Test
  void theTightestGroupOfVersion1Counts() throws IOException {
    proc(V1, "9:name=systemd:/\n4:memory:/outer/inner\n0::/\n");
    file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    file("sys/fs/cgroup/memory/outer/memory.limit_in_bytes", "2147483648\n");
    file("sys/fs/cgroup/memory/outer/inner/memory.limit_in_bytes", "4294967296\n");
    MemoryLimit limit = MemoryLimit.read(root);
    assertEquals(2L << 30, limit.group().orElseThrow().limitBytes());
    assertTrue(limit.group().get().folder().endsWith("memory/outer"));
    assertEquals(OptionalLong.of(2L << 30), limit.bytes());
  }

  @Test
  void version2SaysMaxWhereThereIsNoLimit() throws IOException {
    proc(V2, "0::/user.slice/scope\n");
    file("sys/fs/cgroup/user.slice/memory.max", "max\n");
    file("sys/fs/cgroup/user.slice/scope/memory.max", "max\n");
    MemoryLimit free = MemoryLimit.read(root);
    assertTrue(free.group().isEmpty());
    assertEquals(OptionalLong.of(8_100_000L << 10), free.bytes(), "what it has itself is its own");
    file("sys/fs/cgroup/user.slice/scope/memory.max", "1073741824\n");
    assertEquals(OptionalLong.of(1L << 30), MemoryLimit.read(root).bytes());
  }

  /** In a container without a cgroup namespace, paths are the host's and the mount shows a part of them. */
  @Test
  void aMountedPartOfTheHierarchyIsFoundByItsRoot() throws IOException {
    proc(V1.replace(" / /sys", " /docker/abc /sys"), "4:cpu,memory:/docker/abc/job\n");
    file("sys/fs/cgroup/memory/memory.limit_in_bytes", "3221225472\n");
    file("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n");
    assertEquals(1L << 30, MemoryLimit.read(root).group().orElseThrow().limitBytes());
  }

  @Test
  void whatCannotBeReadLimitsNothing() throws IOException {
    MemoryLimit nothing = MemoryLimit.read(root);
    assertTrue(nothing.group().isEmpty() && nothing.availableBytes().isEmpty());
    assertEquals(OptionalLong.empty(), nothing.bytes());
    proc("nonsense\n1 2 3\n" + V1, "4:memory:no path\n\n:::\n");
    file("sys/fs/cgroup/memory/memory.limit_in_bytes", "-1\n");
    assertTrue(MemoryLimit.read(root).group().isEmpty());
  }

  @Test
  void thisProcessCanBeAsked() {
    assertTrue(MemoryLimit.now().bytes().orElseThrow() > 0);
  }
}
