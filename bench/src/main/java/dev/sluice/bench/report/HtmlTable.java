package dev.sluice.bench.report;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Tables and their definitions as HTML. Everything that comes from data is escaped here. */
final class HtmlTable {
  private HtmlTable() {}

  /** A table in a box of its own that scrolls sideways on narrow screens. */
  static String render(Table<?> table) {
    String title = escape(table.title());
    return "<figure class=\"table\"><figcaption>" + title
        + "</figcaption>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\""
        + title
        + "\"><table aria-label=\"" + title + "\">\n" + body(table) + "</table></div></figure>\n";
  }

  private static <R> StringBuilder body(Table<R> table) {
    StringBuilder html = new StringBuilder("<thead><tr>");
    for (Column<R> column : table.columns()) {
      html.append("<th scope=\"col\"").append(mark(column)).append(escape(column.heading()))
          .append("</th>");
    }
    html.append("</tr></thead>\n<tbody>\n");
    for (R row : table.rows()) {
      html.append("<tr>");
      for (int c = 0; c < table.columns().size(); c++) {
        Column<R> column = table.columns().get(c);
        String cell = escape(column.cell().apply(row));
        html.append(c == 0 ? "<th scope=\"row\"" : "<td").append(mark(column)).append(cell);
        html.append(c == 0 ? "</th>" : "</td>");
      }
      html.append("</tr>\n");
    }
    return html.append("</tbody>\n");
  }

  private static String mark(Column<?> column) {
    return column.side() == Column.Side.RIGHT ? " class=\"figure\">" : ">";
  }

  /** Each heading that has a definition once, in the order in which they first appear. */
  static String definitions(List<? extends Table<?>> tables) {
    Map<String, String> meanings = new LinkedHashMap<>();
    for (Table<?> table : tables) {
      for (Column<?> column : table.columns()) {
        if (!column.definition().isEmpty()) {
          meanings.putIfAbsent(column.heading(), column.definition());
        }
      }
    }
    StringBuilder html = new StringBuilder();
    meanings.forEach(
        (heading, meaning) -> html.append("<div><dt>").append(escape(heading)).append("</dt><dd>")
            .append(escape(meaning)).append("</dd></div>\n"));
    return html.toString();
  }

  static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"",
        "&quot;");
  }
}
