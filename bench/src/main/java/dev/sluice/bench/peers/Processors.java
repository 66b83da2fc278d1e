package dev.sluice.bench.peers;

import dev.sluice.storage.BadInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The processors that every rival is bound to. */
final class Processors {
  private Processors() {}

  /** The first {@code threads} of those that this process may use, as {@code taskset -c} takes them. */
  static String first(int threads) {
    return first(threads, MemoryController.text(Path.of("/proc/self/status")));
  }

  static String first(int threads, String status) {
    Matcher matcher =
        Pattern.compile("^Cpus_allowed_list:\\s*([0-9,-]+)$", Pattern.MULTILINE).matcher(status);
    List<Integer> allowed = new ArrayList<>();
    if (matcher.find()) {
      for (String range : matcher.group(1).split(",")) {
        String[] ends = range.split("-");
        for (int cpu = Integer.parseInt(ends[0]); cpu <= Integer
            .parseInt(ends[ends.length - 1]); cpu++) {
          allowed.add(cpu);
        }
      }
    }
    if (threads < 1 || threads > allowed.size()) {
      throw new BadInputException("--threads " + threads,
          "this process may use " + allowed.size() + " processors",
          "give 1 to " + allowed.size() + ": each thread has one of its own");
    }
    return allowed.stream().limit(threads).map(String::valueOf).collect(Collectors.joining(","));
  }

  /** Whether the kernel lists a feature, such as {@code amx_tile}. */
  static boolean have(String feature) {
    return Pattern.compile("^flags\\s*:.*\\b" + feature + "\\b", Pattern.MULTILINE)
        .matcher(MemoryController.text(Path.of("/proc/cpuinfo"))).find();
  }

  /** The model's name, as the kernel has it. */
  static String name() {
    Matcher matcher = Pattern.compile("^model name\\s*:\\s*(.+)$", Pattern.MULTILINE)
        .matcher(MemoryController.text(Path.of("/proc/cpuinfo")));
    return matcher.find() ? matcher.group(1).strip() : System.getProperty("os.arch");
  }
}
