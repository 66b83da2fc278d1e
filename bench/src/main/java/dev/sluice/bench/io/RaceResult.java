package dev.sluice.bench.io;

import java.util.List;

/** What a race of readers measured; text, Markdown and JSON are views of it. */
public record RaceResult(Setting setting, List<Course> courses) {
  public RaceResult {
    courses = List.copyOf(courses);
  }

  /**
   * @param notes what could not be measured, and why
   */
  public record Setting(
      String madeBy, String kernel, String processor, String file, int inFlight, int rounds,
      long seed, List<String> notes) {}

  /**
   * One kind of list, read by all in turns.
   *
   * @param name such as {@code random, 16 KiB}
   * @param control the entry that the others are compared with
   */
  public record Course(String name, String control, List<Entry> entries) {
    public Course {
      entries = List.copyOf(entries);
    }
  }

  /**
   * One racer. Ratios are medians over rounds of ratios to the control in the same round.
   *
   * @param greeting what it says of itself
   * @param requestsPerLap of its own lists
   * @param leastThroughputRatio of the rounds
   * @param mostThroughputRatio of the rounds
   */
  public record Entry(
      String racer, String greeting, long requestsPerLap, double megabytesPerSecond,
      double cpuMicrosPerRead, double throughputRatio, double leastThroughputRatio,
      double mostThroughputRatio, double cpuRatio) {}
}
