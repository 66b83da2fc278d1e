package dev.sluice.storage.posix;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * How much memory this process may come to use: what its cgroup and those above allow (version 1 or 2), and what the
 * system could give it without swapping. Files: {@code Documentation/admin-guide/cgroup-v1/memory.rst}, {@code
 * cgroup-v2.rst} and {@code filesystems/proc.rst}. Immutable.
 *
 * @param group the cgroup that allows least, if any limits
 * @param availableBytes {@code MemAvailable} and what this process has already; empty where the kernel does not tell
 */
public record MemoryLimit(Optional<Group> group, OptionalLong availableBytes) {
  // Version 1 writes "no limit" as the largest number of pages that it can count.
  private static final long UNLIMITED_BYTES = 1L << 60;

  /** A cgroup's folder and its limit. */
  public record Group(Path folder, long limitBytes) {}

  /** As it is now. */
  public static MemoryLimit now() {
    return read(Path.of("/"));
  }

  /** As the files below {@code root} tell. */
  static MemoryLimit read(Path root) {
    Path proc = root.resolve("proc");
    Optional<Group> tightest = Optional.empty();
    List<String> groups = lines(proc.resolve("self/cgroup"));
    for (String mount : lines(proc.resolve("self/mountinfo"))) {
      // ID PARENT DEVICE ROOT POINT OPTIONS … - TYPE SOURCE SUPER-OPTIONS
      String[] halves = mount.split(" - ", 2);
      String[] left = halves[0].split(" ");
      String[] right = halves.length < 2 ? new String[0] : halves[1].split(" ");
      if (left.length < 5 || right.length < 3) {
        continue;
      }
      boolean second = right[0].equals("cgroup2");
      if (second || right[0].equals("cgroup") && listed(right[2], "memory")) {
        Path point = root.resolve(left[4].replace("\\040", " ").substring(1));
        String own = within(left[3], ownGroup(groups, second));
        Path folder = point.resolve(own.substring(1)).normalize();
        String file = second ? "memory.max" : "memory.limit_in_bytes";
        for (; folder != null && folder.startsWith(point); folder = folder.getParent()) {
          OptionalLong limit = number(folder.resolve(file));
          if (limit.isPresent() && limit.getAsLong() < UNLIMITED_BYTES
              && (tightest.isEmpty() || limit.getAsLong() < tightest.get().limitBytes())) {
            tightest = Optional.of(new Group(folder, limit.getAsLong()));
          }
        }
      }
    }
    OptionalLong free = kibibytes(lines(proc.resolve("meminfo")), "MemAvailable:");
    OptionalLong own = kibibytes(lines(proc.resolve("self/status")), "VmRSS:");
    OptionalLong available = free.isPresent()
        ? OptionalLong.of(free.getAsLong() + own.orElse(0)) : OptionalLong.empty();
    return new MemoryLimit(tightest, available);
  }

  /** The smaller of both; empty when neither is known. */
  public OptionalLong bytes() {
    if (group.isEmpty()) {
      return availableBytes;
    }
    long limit = group.get().limitBytes();
    return OptionalLong.of(Math.min(limit, availableBytes.orElse(limit)));
  }

  /** A group's path below the part of the hierarchy that is mounted. */
  private static String within(String mountedRoot, String group) {
    boolean below = !mountedRoot.equals("/")
        && (group.equals(mountedRoot) || group.startsWith(mountedRoot + "/"));
    String rest = below ? group.substring(mountedRoot.length()) : group;
    return rest.isEmpty() ? "/" : rest;
  }

  private static String ownGroup(List<String> groups, boolean second) {
    for (String line : groups) {
      String[] parts = line.split(":", 3);
      if (parts.length == 3 && parts[2].startsWith("/")
          && (second ? parts[1].isEmpty() : listed(parts[1], "memory"))) {
        return parts[2];
      }
    }
    return "/";
  }

  private static boolean listed(String list, String name) {
    return Arrays.asList(list.split(",")).contains(name);
  }

  private static OptionalLong number(Path file) {
    List<String> lines = lines(file);
    boolean digits = !lines.isEmpty() && lines.getFirst().strip().matches("[0-9]{1,18}");
    return digits ? OptionalLong.of(Long.parseLong(lines.getFirst().strip()))
        : OptionalLong.empty();
  }

  private static OptionalLong kibibytes(List<String> lines, String name) {
    for (String line : lines) {
      String[] words = line.split("\\s+");
      if (words.length >= 2 && words[0].equals(name) && words[1].matches("[0-9]{1,15}")) {
        return OptionalLong.of(Long.parseLong(words[1]) << 10);
      }
    }
    return OptionalLong.empty();
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      return List.of();
    }
  }
}
