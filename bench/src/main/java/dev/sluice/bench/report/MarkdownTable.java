package dev.sluice.bench.report;

import java.util.List;
import java.util.stream.Collectors;

/** A table as GitHub's Markdown. */
final class MarkdownTable {
  private MarkdownTable() {}

  /** The table's lines with its title as a heading before it. */
  static <R> String render(Table<R> table) {
    StringBuilder text = new StringBuilder("### ").append(table.title()).append("\n\n");
    line(text, table.columns().stream().map(Column::heading).toList());
    line(text, table.columns().stream()
        .map(column -> column.side() == Column.Side.RIGHT ? "---:" : "---").toList());
    for (R row : table.rows()) {
      line(text, table.columns().stream().map(column -> column.cell().apply(row)).toList());
    }
    return text.append('\n').toString();
  }

  private static void line(StringBuilder text, List<String> cells) {
    text.append(cells.stream().map(cell -> cell.replace("|", "\\|"))
        .collect(Collectors.joining(" | ", "| ", " |\n")));
  }
}
