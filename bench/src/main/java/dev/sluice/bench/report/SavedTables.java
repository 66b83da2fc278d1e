package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.Saved;
import dev.sluice.bench.compare.Comparison.SavedPoint;
import dev.sluice.bench.compare.Comparison.Side;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Tables of what the first model saves against the second. */
final class SavedTables {
  /** Model names in terminal headings stay this short. */
  private static final int LABEL_LENGTH = 9;

  /** A point with the notion of equality that it was made by. */
  record Row(Saved saved, SavedPoint point) {}

  /** One side of a row. */
  record Chosen(Row row, String model, Side side) {}

  private SavedTables() {}

  /** One table per bundle width that was measured. */
  static List<Table<Row>> of(Comparison comparison) {
    List<Table<Row>> tables = new ArrayList<>();
    for (Boolean padded : comparison.saved().stream().map(Saved::padded).distinct().sorted()
        .toList()) {
      List<Row> rows = new ArrayList<>();
      for (Saved saved : comparison.saved()) {
        if (saved.padded() == padded) {
          saved.points().forEach(point -> rows.add(new Row(saved, point)));
        }
      }
      String title =
          "I/O saved by " + name(comparison, 0) + " versus " + name(comparison, 1) + ", bundles "
              + (padded ? "padded" : "at their own width");
      tables.add(new Table<>(title, columns(comparison), rows));
    }
    return tables;
  }

  private static List<Column<Row>> columns(Comparison comparison) {
    List<Column<Row>> columns = new ArrayList<>();
    columns.add(
        Column.<Row>text("made equal", "made equal", row -> row.saved().equality())
            .defined(
                "What both models have in common. Equal absolute loss: each model's thresholds give the same"
                    + " held-out loss in nats per token. Each at +1 % perplexity: against its own dense"
                    + " perplexity. Exact rule: skipping h = 0 changes nothing in a ReLU model but for what the"
                    + " predictor misses; a smooth gate has no such neurons and streams what is not pinned."));
    columns.add(
        Column.figure("RAM, % of FFN", "RAM\n%", 0,
            "Slots and predictor as a share of the FFN's bytes.",
            row -> Digits.percent(row.point().ramShare())));
    columns.add(
        Column.figure("saved, % of bytes", "saved\n%", 0,
            "1 − the first model's FFN bytes per token / the second's, each with the rule and predictor that read"
                + " least; negative where the first reads more.",
            row -> Digits.percent(row.point().savedShare())));
    pair(columns, comparison, "KB per token", "KB/tok.", 1,
        side -> Digits.kilobytes(side.bytesPerToken()));
    pair(columns, comparison, "I/O ms per token", "I/O ms", 2,
        side -> Digits.three(side.ioMillisPerToken()));
    pair(columns, comparison, "requests per token", "reads", 3,
        side -> Digits.three(side.requestsPerToken()));
    return List.copyOf(columns);
  }

  /** How each side was chosen, for the page only: two rows a point. */
  static List<Table<Chosen>> sides(Comparison comparison) {
    List<Column<Chosen>> columns =
        List.of(
            Column.text("made equal", "", chosen -> chosen.row().saved().equality()),
            Column.figure("RAM, % of FFN", "", 0, "",
                chosen -> Digits.percent(chosen.row().point().ramShare())),
            Column.text("model", "", Chosen::model),
            Column.text("rule", "", chosen -> chosen.side().rule()),
            Column.text("predictor", "", chosen -> chosen.side().predictor()),
            Column.figure("CETT", "", 0, "", chosen -> Digits.fixed(chosen.side().cett(), 4)),
            Column.figure("nats per token", "", 0, "",
                chosen -> Digits.fixed(chosen.side().nats(), 4)),
            Column.figure("hit rate, mean %", "", 0, "",
                chosen -> Digits.percent(chosen.side().hitRate())),
            Column.text("configuration", "", chosen -> chosen.side().configuration()));
    List<Table<Chosen>> tables = new ArrayList<>();
    for (Table<Row> table : of(comparison)) {
      List<Chosen> rows = new ArrayList<>();
      for (Row row : table.rows()) {
        rows.add(new Chosen(row, name(comparison, 0), row.point().first()));
        rows.add(new Chosen(row, name(comparison, 1), row.point().second()));
      }
      tables.add(new Table<>(table.title().replaceFirst("I/O saved by", "The sides behind"),
          columns, rows));
    }
    return tables;
  }

  private static void pair(
      List<Column<Row>> columns, Comparison comparison, String heading, String label, int rank,
      Function<Side, String> cell) {
    String first = name(comparison, 0);
    String second = name(comparison, 1);
    columns.add(
        Column.figure(first + " " + heading, TextTable.shorten(first, LABEL_LENGTH) + "\n" + label,
            rank, "",
            row -> cell.apply(row.point().first())));
    columns.add(
        Column.figure(second + " " + heading,
            TextTable.shorten(second, LABEL_LENGTH) + "\n" + label, rank, "",
            row -> cell.apply(row.point().second())));
  }

  private static String name(Comparison comparison, int index) {
    return comparison.models().get(index).name();
  }
}
