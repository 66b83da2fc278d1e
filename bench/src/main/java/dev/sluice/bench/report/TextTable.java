package dev.sluice.bench.report;

import java.util.ArrayList;
import java.util.List;

/** Lays a table out in plain text, no line longer than a given width. */
final class TextTable {
  private static final int SHORTEST_NAME = 8;

  private TextTable() {}

  /** A column's text: headings in two lines, then the cells. */
  private record Laid(Column<?> column, List<String> lines) {
    int width() {
      return lines.stream().mapToInt(TextTable::width).max().orElse(0);
    }
  }

  /**
   * The table's lines, without its title. Where it does not fit, gaps shrink, then columns go by rank, then the first
   * column is shortened.
   *
   * @param columns at least 1
   */
  static <R> List<String> render(Table<R> table, int columns) {
    List<Laid> laid = new ArrayList<>();
    for (Column<R> column : table.columns()) {
      List<String> lines = new ArrayList<>();
      String[] label = column.label().split("\n", 2);
      lines.add(label.length > 1 ? label[0] : "");
      lines.add(label[label.length - 1]);
      table.rows().forEach(row -> lines.add(column.cell().apply(row)));
      laid.add(new Laid(column, lines));
    }
    int gap = total(laid, 2) > columns ? 1 : 2;
    while (laid.size() > 1 && total(laid, gap) - spare(laid) > columns) {
      dropLeastWanted(laid);
    }
    int over = Math.max(0, total(laid, gap) - columns);
    List<String> result = new ArrayList<>();
    for (int line = 0; line < table.rows().size() + 2; line++) {
      StringBuilder text = new StringBuilder();
      for (int c = 0; c < laid.size(); c++) {
        int width = laid.get(c).width() - (c == 0 ? over : 0);
        text.append(c == 0 ? "" : " ".repeat(gap));
        text.append(
            pad(shorten(laid.get(c).lines().get(line), width), width, laid.get(c).column().side()));
      }
      String stripped = text.toString().stripTrailing();
      if (line > 0 || !stripped.isEmpty()) {
        result.add(stripped);
      }
    }
    return result;
  }

  /** At most {@code length} characters, the last an ellipsis where some were cut. */
  static String shorten(String text, int length) {
    if (width(text) <= length) {
      return text;
    }
    return text.substring(0, text.offsetByCodePoints(0, Math.max(0, length - 1)))
        + (length > 0 ? "…" : "");
  }

  /** Tables one after another, each below its title and before an empty line. */
  static List<String> renderAll(List<? extends Table<?>> tables, int columns) {
    List<String> lines = new ArrayList<>();
    for (Table<?> table : tables) {
      lines.addAll(wrap(table.title(), columns));
      lines.addAll(render(table, columns));
      lines.add("");
    }
    return lines;
  }

  /** Breaks prose between words into lines of at most {@code columns} characters; longer words are shortened. */
  static List<String> wrap(String prose, int columns) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : prose.strip().split("\\s+")) {
      if (!line.isEmpty() && width(line.toString()) + 1 + width(word) > columns) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(shorten(word, columns));
    }
    lines.add(line.toString());
    return lines;
  }

  private static int total(List<Laid> laid, int gap) {
    return laid.stream().mapToInt(Laid::width).sum() + gap * (laid.size() - 1);
  }

  /** Characters that the first column can give up: a few before any column goes, most once only rank 0 is left. */
  private static int spare(List<Laid> laid) {
    int name = laid.getFirst().width();
    return highestRank(laid) == 0 ? Math.max(0, name - SHORTEST_NAME) : name / 8;
  }

  /** Drops all columns of the highest rank; those of rank 0 one at a time, the last first. */
  private static void dropLeastWanted(List<Laid> laid) {
    int rank = highestRank(laid);
    if (rank == 0) {
      laid.removeLast();
    } else {
      laid.removeIf(each -> each.column().rank() == rank);
    }
  }

  private static int highestRank(List<Laid> laid) {
    return laid.stream().mapToInt(each -> each.column().rank()).max().orElse(0);
  }

  private static String pad(String text, int width, Column.Side side) {
    String blank = " ".repeat(Math.max(0, width - width(text)));
    return side == Column.Side.LEFT ? text + blank : blank + text;
  }

  private static int width(String text) {
    return text.codePointCount(0, text.length());
  }
}
