package dev.sluice.bench.peers;

import java.nio.file.Path;

/**
 * What a process has used since it began, over all of its threads.
 *
 * @param cpuSeconds user and system; the kernel counts in hundredths
 * @param readBytes fetched from devices on its behalf, by read calls and by faults alike; the page cache costs none
 * @param majorFaults page faults that waited for a device
 */
record Counters(double cpuSeconds, double readBytes, double majorFaults) {
  static final Counters NONE = new Counters(0, 0, 0);

  // USER_HZ, which is 100 on every architecture that Linux shows to programs.
  private static final double TICKS_PER_SECOND = 100;

  // Places among the fields that follow the name in brackets; proc_pid_stat(5) counts from 1 and the name is its second.
  private static final int MAJOR_FAULTS = 12 - 3;
  private static final int USER_TICKS = 14 - 3;
  private static final int SYSTEM_TICKS = 15 - 3;

  /** Reads {@code /proc/PID}; nothing when the process is gone. */
  static Counters of(long pid) {
    Path folder = Path.of("/proc", Long.toString(pid));
    return parse(MemoryController.text(folder.resolve("stat")),
        MemoryController.text(folder.resolve("io")));
  }

  static Counters parse(String stat, String io) {
    // A name may hold spaces and brackets: the last bracket ends it.
    int end = stat.lastIndexOf(')');
    String[] fields = end < 0 ? new String[0] : stat.substring(end + 1).strip().split(" ");
    if (fields.length <= SYSTEM_TICKS) {
      return NONE;
    }
    double ticks =
        Double.parseDouble(fields[USER_TICKS]) + Double.parseDouble(fields[SYSTEM_TICKS]);
    double read = MemoryGroup.value(io.replace(":", ""), "read_bytes");
    return new Counters(ticks / TICKS_PER_SECOND, read, Double.parseDouble(fields[MAJOR_FAULTS]));
  }

  Counters minus(Counters before) {
    return new Counters(cpuSeconds - before.cpuSeconds, readBytes - before.readBytes,
        majorFaults - before.majorFaults);
  }

  /** What lies {@code share} of the way from this to {@code later}. */
  Counters towards(Counters later, double share) {
    return new Counters(
        cpuSeconds + share * (later.cpuSeconds - cpuSeconds),
        readBytes + share * (later.readBytes - readBytes),
        majorFaults + share * (later.majorFaults - majorFaults));
  }
}
