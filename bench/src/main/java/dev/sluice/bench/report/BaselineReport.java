package dev.sluice.bench.report;

import dev.sluice.bench.io.Baseline;
import dev.sluice.bench.io.Baseline.Line;
import java.util.List;

/** Results beside their baseline, for a terminal. */
public final class BaselineReport {
  private BaselineReport() {}

  /** @param columns width of the terminal in characters; at least 20 */
  public static String render(List<Baseline.Line> lines, int columns) {
    Table<Line> table = new Table<>("Against the baseline",
        List.of(
            Column.text("benchmark", "benchmark", Line::benchmark),
            Column.figure("now", "now", 0, "", line -> Digits.three(line.score())),
            Column.figure("error", "±", 2, "", line -> Digits.three(line.error())),
            Column.text("unit", "unit", Line::unit),
            Column.figure("speed, of baseline", "speed, of\nbaseline", 0, "",
                line -> Digits.fixed(line.speedRatio(), 3)),
            Column.figure("bytes allocated", "bytes\nallocated", 1, "",
                line -> Digits.three(line.allocatedBytes())),
            Column.figure("then", "then", 1, "",
                line -> Digits.three(line.baselineAllocatedBytes()))),
        lines);
    return String.join("\n", TextTable.render(table, columns)) + "\n";
  }
}
