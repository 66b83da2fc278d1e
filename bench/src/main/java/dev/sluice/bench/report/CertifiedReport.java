package dev.sluice.bench.report;

import dev.sluice.bench.predictor.CertifiedResult;
import dev.sluice.bench.predictor.CertifiedResult.Row;
import dev.sluice.bench.predictor.CertifiedResult.Violations;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What certified skipping proves, for a terminal and as Markdown. */
public final class CertifiedReport {
  private CertifiedReport() {}

  /**
   * Tables as plain text; no line is longer than {@code columns} characters.
   *
   * @param columns width of the terminal in characters; at least 20
   */
  public static String render(CertifiedResult result, int columns) {
    return String.join("\n", TextTable.renderAll(tables(result), columns)) + "\n";
  }

  /** The same as Markdown. */
  public static String markdown(CertifiedResult result) {
    StringBuilder text = new StringBuilder();
    tables(result).forEach(table -> text.append(MarkdownTable.render(table)));
    return text.toString();
  }

  private static List<Table<?>> tables(CertifiedResult result) {
    List<Table<?>> tables = new ArrayList<>();
    tables.add(new Table<>(
        String.format(Locale.ROOT,
            "%s, %d held-out tokens: of the %.2f %% inactive neurons, those proven; dither of seed %d",
            result.store(), result.tokens(), 100 * result.inactiveShare(), result.seed()),
        List.of(
            Column.text("bits", "bits", (Row row) -> Integer.toString(row.bits())),
            Column.figure("directions", "direc-\ntions", 0, "",
                row -> Integer.toString(row.directions())),
            Column.figure("bound", "bound", 0, "",
                row -> row.delta() == 0 ? row.bound() : row.bound() + " " + row.delta()),
            Column.figure("proven, %", "proven\n%", 0, "",
                row -> Digits.fixed(100 * row.provenShare(), 2)),
            Column.figure("active left out, %", "active\nleft out %", 0, "",
                row -> Digits.fixed(100 * row.wrongShare(), 2)),
            Column.figure("RAM, % of FFN", "RAM\n% of FFN", 0, "",
                row -> Digits.fixed(100 * row.ramShare(), 2)),
            Column.figure("µs a layer", "µs\na layer", 0, "",
                row -> Digits.fixed(row.microsPerLayer(), 1))),
        result.rows()));
    if (!result.violations().isEmpty()) {
      tables.add(new Table<>("Errors above their bound, over fresh dithers",
          List.of(
              Column.text("bits", "bits", (Violations each) -> Integer.toString(each.bits())),
              Column.figure("δ", "δ", 0, "", each -> Double.toString(each.delta())),
              Column.figure("decisions", "decisions", 0, "",
                  each -> Digits.count(each.decisions())),
              Column.figure("above the bound", "above\nthe bound", 0, "",
                  each -> String.format(Locale.ROOT, "%.2e", each.exceededShare())),
              Column.figure("active and left out", "active and\nleft out", 0, "",
                  each -> String.format(Locale.ROOT, "%.2e", each.wrongShare()))),
          result.violations()));
    }
    return tables;
  }
}
