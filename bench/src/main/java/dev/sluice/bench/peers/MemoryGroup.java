package dev.sluice.bench.peers;

import dev.sluice.bench.peers.MemoryController.Version;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A cgroup for one run: its limit, its counters. Removed on close, when nothing runs in it any more. */
final class MemoryGroup implements AutoCloseable {
  private static final int REMOVAL_ATTEMPTS = 50;
  private static final long REMOVAL_PAUSE_MILLIS = 20;

  private final Version version;
  private final Path folder;

  private MemoryGroup(Version version, Path folder) {
    this.version = version;
    this.folder = folder;
  }

  /**
   * What the group's processes take up now, in bytes.
   *
   * @param anonymousBytes heap, stacks and the like
   * @param mappedBytes pages of files that are mapped into a process
   * @param cacheBytes all pages of files, mapped or not; they count towards the limit too
   */
  record Occupancy(long anonymousBytes, long mappedBytes, long cacheBytes) {
    static final Occupancy NONE = new Occupancy(0, 0, 0);
  }

  /**
   * What happened in the group.
   *
   * @param peakBytes highest use that counts towards the limit, page cache included
   * @param limitHits how often an allocation ran into the limit and pages had to be reclaimed (failcnt)
   * @param killed processes that the kernel ended for want of memory
   */
  record Tally(long peakBytes, long limitHits, long killed) {}

  /** Makes a group {@code name} that does not exist yet; empty: no limit. */
  static MemoryGroup create(MemoryController controller, String name, OptionalLong limitBytes) {
    Path folder = controller.parent().resolve(name);
    try {
      Files.createDirectory(folder);
      MemoryGroup group = new MemoryGroup(controller.version(), folder);
      if (limitBytes.isPresent()) {
        group.limit(limitBytes.getAsLong());
      }
      return group;
    } catch (IOException e) {
      throw new FaultException(folder,
          "a cgroup with this limit cannot be made (" + FaultException.reason(e) + ")",
          "run it as root", e);
    }
  }

  private void limit(long bytes) throws IOException {
    if (version == Version.V1) {
      Files.writeString(folder.resolve("memory.limit_in_bytes"), Long.toString(bytes));
    } else {
      Files.writeString(folder.resolve("memory.max"), Long.toString(bytes));
    }
    // Swap must not stand in for memory. In version 1 a limit on both together would do that too, but hits of it are counted
    // nowhere. Kernels without swap accounting have no such file.
    Path swap = folder.resolve(version == Version.V1 ? "memory.swappiness" : "memory.swap.max");
    if (Files.exists(swap)) {
      Files.writeString(swap, "0");
    }
  }

  /** The file that a process writes its id into to join. */
  Path processes() {
    return folder.resolve("cgroup.procs");
  }

  Occupancy occupancy() {
    String stat = MemoryController.text(folder.resolve("memory.stat"));
    return version == Version.V1
        ? new Occupancy(value(stat, "rss"), value(stat, "mapped_file"), value(stat, "cache"))
        : new Occupancy(value(stat, "anon"), value(stat, "file_mapped"), value(stat, "file"));
  }

  Tally tally() {
    return version == Version.V1
        ? new Tally(number("memory.max_usage_in_bytes"), number("memory.failcnt"),
            value(MemoryController.text(folder.resolve("memory.oom_control")), "oom_kill"))
        : new Tally(number("memory.peak"), event("max"), event("oom_kill"));
  }

  private long event(String name) {
    return value(MemoryController.text(folder.resolve("memory.events")), name);
  }

  private long number(String file) {
    String text = MemoryController.text(folder.resolve(file)).strip();
    return text.matches("[0-9]{1,18}") ? Long.parseLong(text) : 0;
  }

  /** The value of a line {@code NAME VALUE}; 0 when there is none. */
  static long value(String lines, String name) {
    Matcher matcher =
        Pattern.compile("^" + Pattern.quote(name) + " ([0-9]{1,18})$", Pattern.MULTILINE)
            .matcher(lines);
    return matcher.find() ? Long.parseLong(matcher.group(1)) : 0;
  }

  /** The kernel keeps a group for a moment after its last process is gone. */
  @Override
  public void close() {
    IOException last = null;
    for (int attempt = 0; attempt < REMOVAL_ATTEMPTS; attempt++) {
      try {
        Files.deleteIfExists(folder);
        return;
      } catch (IOException e) {
        last = e;
      }
      try {
        Thread.sleep(REMOVAL_PAUSE_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    throw new FaultException(folder,
        "the cgroup cannot be removed (" + (last == null ? "interrupted" : last.getMessage()) + ")",
        "remove it with rmdir when nothing runs in it", last);
  }
}
