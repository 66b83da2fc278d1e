package dev.sluice.bench.peers;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Where cgroups with a memory limit can be made here. Files: {@code Documentation/admin-guide/cgroup-v1/memory.rst} and
 * {@code cgroup-v2.rst}.
 *
 * @param parent the folder that new groups are made in
 */
record MemoryController(Version version, Path parent) {
  /** The two interfaces of the memory controller. */
  enum Version {
    V1,
    V2
  }

  /** @throws FaultException if there is none that this user may write to */
  static MemoryController find() {
    try {
      return find(Files.readAllLines(Path.of("/proc/self/mountinfo")),
          Files.readAllLines(Path.of("/proc/self/cgroup")))
          .orElseThrow(
              () -> new FaultException("memory limit",
                  "this user may make no cgroup with a memory controller",
                  "run it as root, or with systemd-run --user --scope -p Delegate=yes"));
    } catch (IOException e) {
      throw new FaultException("/proc/self", "cannot be read (" + FaultException.reason(e) + ")",
          "run it where /proc is mounted", e);
    }
  }

  /**
   * Of the groups above this process, the nearest that takes new ones.
   *
   * @param mounts lines of {@code /proc/self/mountinfo}
   * @param groups lines of {@code /proc/self/cgroup}: {@code ID:CONTROLLERS:PATH}, where version 2 names no controller
   */
  static Optional<MemoryController> find(List<String> mounts, List<String> groups) {
    for (String mount : mounts) {
      String[] halves = mount.split(" - ", 2);
      String[] left = halves[0].split(" ");
      String[] right = halves.length < 2 ? new String[0] : halves[1].split(" ");
      if (left.length < 5 || right.length < 3) {
        continue;
      }
      Path root = Path.of(left[4].replace("\\040", " "));
      boolean first = right[0].equals("cgroup") && listed(right[2], "memory");
      if (!first && !right[0].equals("cgroup2")) {
        continue;
      }
      Version version = first ? Version.V1 : Version.V2;
      for (Path folder : upwards(root, own(groups, version))) {
        if (Files.isWritable(folder) && takes(version, folder)) {
          return Optional.of(new MemoryController(version, folder));
        }
      }
    }
    return Optional.empty();
  }

  private static boolean takes(Version version, Path folder) {
    if (version == Version.V1) {
      return Files.exists(folder.resolve("memory.limit_in_bytes"));
    }
    // Without this, a child has no memory files.
    return Arrays.asList(text(folder.resolve("cgroup.subtree_control")).strip().split(" "))
        .contains("memory");
  }

  private static String own(List<String> groups, Version version) {
    for (String line : groups) {
      String[] parts = line.split(":", 3);
      if (parts.length == 3
          && (version == Version.V2 ? parts[1].isEmpty() : listed(parts[1], "memory"))) {
        return parts[2];
      }
    }
    return "/";
  }

  private static List<Path> upwards(Path root, String own) {
    List<Path> folders = new ArrayList<>();
    Path folder = root.resolve(own.substring(1)).normalize();
    while (folder != null && folder.startsWith(root)) {
      folders.add(folder);
      folder = folder.getParent();
    }
    return folders;
  }

  private static boolean listed(String list, String name) {
    return Arrays.asList(list.split(",")).contains(name);
  }

  /** A file's text; empty when there is none. */
  static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "";
    }
  }
}
