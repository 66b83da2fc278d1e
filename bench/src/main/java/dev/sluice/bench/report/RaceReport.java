package dev.sluice.bench.report;

import dev.sluice.bench.io.RaceResult;
import dev.sluice.bench.io.RaceResult.Course;
import dev.sluice.bench.io.RaceResult.Entry;
import dev.sluice.bench.io.RaceResult.Setting;
import java.util.List;

/** A race of readers for a terminal and as Markdown. */
public final class RaceReport {
  private RaceReport() {}

  /**
   * Tables and setting, as plain text; no line is longer than {@code columns} characters.
   *
   * @param columns width of the terminal in characters; at least 20
   */
  public static String render(RaceResult race, int columns) {
    List<String> lines =
        TextTable.renderAll(race.courses().stream().map(RaceReport::table).toList(), columns);
    lines.addAll(TextTable.wrap(setting(race.setting()), columns));
    return String.join("\n", lines) + "\n";
  }

  /** The same as Markdown. */
  public static String markdown(RaceResult race) {
    StringBuilder text = new StringBuilder();
    race.courses().forEach(course -> text.append(MarkdownTable.render(table(course))));
    return text.append(setting(race.setting())).append('\n').toString();
  }

  private static Table<Entry> table(Course course) {
    return new Table<>(course.name() + ", against " + course.control(),
        List.of(
            Column.text("reader", "reader", Entry::racer),
            Column.figure("MB/s", "MB/s", 0, "", e -> Digits.three(e.megabytesPerSecond())),
            Column.figure("of control", "of\ncontrol", 0, "",
                e -> Digits.fixed(e.throughputRatio(), 3)),
            Column.figure("least and most", "least\nand most", 2, "",
                e -> Digits.fixed(e.leastThroughputRatio(), 2) + "–"
                    + Digits.fixed(e.mostThroughputRatio(), 2)),
            Column.figure("CPU µs a read", "CPU µs\na read", 0, "",
                e -> Digits.three(e.cpuMicrosPerRead())),
            Column.figure("CPU of control", "of\ncontrol", 0, "",
                e -> Digits.fixed(e.cpuRatio(), 3)),
            Column.figure("reads a lap", "reads\na lap", 1, "",
                e -> Digits.count(e.requestsPerLap()))),
        course.entries());
  }

  private static String setting(Setting setting) {
    String notes = setting.notes().isEmpty() ? "" : " " + String.join(". ", setting.notes()) + ".";
    return "Medians of " + setting.rounds() + " rounds in turns after a warm-up; ratios are to the"
        + " control in the same round. C: io_uring by raw system calls, " + setting.inFlight()
        + " in flight, O_DIRECT, huge pages, gcc -O2. Linux " + setting.kernel() + ", "
        + setting.processor() + ", seed " + setting.seed() + ". 1 MB is 1,000,000 bytes." + notes;
  }
}
