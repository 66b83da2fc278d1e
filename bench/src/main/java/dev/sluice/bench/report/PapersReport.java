package dev.sluice.bench.report;

import dev.sluice.bench.papers.Findings;
import dev.sluice.bench.papers.PapersResult;
import dev.sluice.bench.papers.PapersResult.Setting;
import dev.sluice.bench.papers.ResultTable;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;

/** The papers' experiments for a terminal, as one HTML file that needs nothing else, as JSON and as CSV files. */
public final class PapersReport {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private PapersReport() {}

  /**
   * Sentences and tables, as plain text; no line is longer than {@code columns} characters.
   *
   * @param columns width of the terminal in characters; at least 20
   */
  public static String render(PapersResult result, int columns) {
    List<String> lines = new ArrayList<>();
    for (Findings findings : result.findings()) {
      lines.addAll(TextTable.wrap(findings.title().toUpperCase(Locale.ROOT), columns));
      findings.sentences().forEach(text -> lines.addAll(TextTable.wrap(text, columns)));
      lines.add("");
      lines.addAll(TextTable.renderAll(findings.tables().stream()
          .filter(table -> table.place() == Place.EVERYWHERE).map(PapersReport::table).toList(),
          columns));
    }
    lines.addAll(TextTable.wrap(setting(result.setting()), columns));
    result.setting().models().forEach(model -> lines.addAll(TextTable.wrap(model, columns)));
    return String.join("\n", lines) + "\n";
  }

  /** A table of what people are shown. */
  private static Table<List<Object>> table(ResultTable table) {
    List<Column<List<Object>>> columns = new ArrayList<>();
    for (int c = 0; c < table.columns().size(); c++) {
      ResultTable.Column column = table.columns().get(c);
      int at = c;
      if (column.digits() == ResultTable.Digits.TEXT) {
        columns.add(new Column<>(column.heading(), column.label(), column.meaning(),
            Column.Side.LEFT, column.rank(), row -> (String) row.get(at)));
      } else {
        columns.add(Column.figure(column.heading(), column.label(), column.rank(),
            column.meaning(), row -> cell(column.digits(), (Double) row.get(at))));
      }
    }
    return new Table<>(table.title(), columns, table.rows());
  }

  private static String cell(ResultTable.Digits digits, double value) {
    return switch (digits) {
      case TEXT -> throw new IllegalArgumentException("a text is no figure");
      case COUNT -> Digits.fixed(value, 0);
      case THREE -> Digits.three(value);
      case ONE -> Digits.fixed(value, 1);
      case TWO -> Digits.fixed(value, 2);
      case FOUR -> Digits.fixed(value, 4);
      case FIVE -> Digits.fixed(value, 5);
      case SIX -> Digits.fixed(value, 6);
    };
  }

  /**
   * Writes the page, replacing what was.
   *
   * @throws FaultException if the file system fails
   */
  public static void write(PapersResult result, Path file) {
    HtmlReport.publish(page(result), file);
  }

  static String page(PapersResult result) {
    StringBuilder sections = new StringBuilder();
    List<Table<?>> all = new ArrayList<>();
    for (Findings findings : result.findings()) {
      sections.append("<section>\n<h2>").append(HtmlTable.escape(findings.title()))
          .append("</h2>\n");
      findings.sentences().forEach(text -> sections.append("<p>").append(HtmlTable.escape(text))
          .append("</p>\n"));
      if (!findings.charts().isEmpty()) {
        sections.append("<div class=\"figures\" id=\"").append(findings.key())
            .append("\"></div>\n");
      }
      for (ResultTable table : findings.tables()) {
        if (table.place() != Place.FILES) {
          Table<?> shown = table(table);
          all.add(shown);
          sections.append(HtmlTable.render(shown));
        }
      }
      sections.append("</section>\n\n");
    }
    ChartLibrary library = ChartLibrary.load();
    return Template.load("papers.html")
        .fill(
            Map.ofEntries(
                Map.entry("title", "The papers' experiments"),
                Map.entry("summary", HtmlTable.escape(setting(result.setting()))),
                Map.entry("sections", sections.toString()),
                Map.entry("definitions", HtmlTable.definitions(all)),
                Map.entry("models", result.setting().models().stream()
                    .map(model -> "<li>" + HtmlTable.escape(model) + "</li>")
                    .collect(Collectors.joining("\n"))),
                Map.entry("css", Template.text("report.css")),
                Map.entry("data", HtmlReport.inScript(json(result))),
                Map.entry("library", library.script()),
                Map.entry("licence", HtmlTable.escape(library.licence())),
                Map.entry("script", Template.text("figures.js") + Template.text("papers.js"))));
  }

  private static String setting(Setting setting) {
    return setting.date() + ", " + setting.effort() + " run over "
        + Digits.count(setting.heldOutTokens()) + " tokens of " + setting.text() + ", "
        + setting.processor() + "; intervals are of 95 %, from "
        + Digits.count(setting.resamples()) + " paired resamples of windows, seed "
        + setting.seed() + ". What is said of an activation function is said of these checkpoints.";
  }

  /**
   * One object: {@code {"setting":{…},"experiments":[{"key":…,"tables":[{"key":…,"columns":[…],"rows":[{…}]}],…}]}}. A row's
   * keys carry their units; a figure that does not exist is null.
   */
  public static String json(PapersResult result) {
    Map<String, Object> object = new LinkedHashMap<>();
    Setting setting = result.setting();
    Map<String, Object> circumstances = new LinkedHashMap<>();
    circumstances.put("made_by", setting.madeBy());
    circumstances.put("date", setting.date());
    circumstances.put("effort", setting.effort());
    circumstances.put("processor", setting.processor());
    circumstances.put("text", setting.text());
    circumstances.put("held_out_tokens", setting.heldOutTokens());
    circumstances.put("resamples_count", setting.resamples());
    circumstances.put("seed", Long.toString(setting.seed()));
    circumstances.put("models", setting.models());
    object.put("setting", circumstances);
    object.put("experiments", result.findings().stream().map(PapersReport::object).toList());
    return MAPPER.writeValueAsString(object);
  }

  private static Map<String, Object> object(Findings findings) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("key", findings.key());
    object.put("title", findings.title());
    object.put("sentences", findings.sentences());
    object.put("tables", findings.tables().stream().map(PapersReport::object).toList());
    object.put("charts", findings.charts().stream().map(PapersReport::object).toList());
    return object;
  }

  private static Map<String, Object> object(Findings.Chart chart) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("title", chart.title());
    object.put("table", chart.table());
    object.put("x", chart.x());
    object.put("y", chart.y());
    object.put("series", chart.series());
    object.put("dashed", chart.dashed());
    object.put("where", chart.where());
    object.put("logarithmic", chart.scale() == Findings.Scale.LOGARITHMIC);
    return object;
  }

  private static Map<String, Object> object(ResultTable table) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("key", table.key());
    object.put("title", table.title());
    object.put("columns", table.columns().stream().map(column -> Map.of(
        "key", column.key(), "heading", column.heading(), "meaning", column.meaning()))
        .toList());
    List<Map<String, Object>> rows = new ArrayList<>();
    for (List<Object> values : table.rows()) {
      Map<String, Object> row = new LinkedHashMap<>();
      for (int c = 0; c < values.size(); c++) {
        row.put(table.columns().get(c).key(), finite(values.get(c)));
      }
      rows.add(row);
    }
    object.put("rows", rows);
    return object;
  }

  private static Object finite(Object value) {
    return value instanceof Double figure && !Double.isFinite(figure) ? null : value;
  }

  /**
   * Writes one CSV file for each table, named EXPERIMENT-TABLE.csv (RFC 4180; the first line holds keys with units).
   *
   * @param folder made if it does not exist
   * @throws FaultException if the file system fails
   */
  public static void writeCsv(PapersResult result, Path folder) {
    try {
      Files.createDirectories(folder);
      for (Findings findings : result.findings()) {
        for (ResultTable table : findings.tables()) {
          Files.writeString(folder.resolve(findings.key() + "-" + table.key() + ".csv"),
              csv(table));
        }
      }
    } catch (IOException e) {
      throw new FaultException(folder, "cannot be written (" + FaultException.reason(e) + ")",
          "check the folder and its free space", e);
    }
  }

  static String csv(ResultTable table) {
    StringBuilder text = new StringBuilder();
    text.append(table.columns().stream().map(column -> quoted(column.key()))
        .collect(Collectors.joining(","))).append("\r\n");
    for (List<Object> row : table.rows()) {
      text.append(row.stream().map(value -> finite(value) == null ? "" : quoted(value.toString()))
          .collect(Collectors.joining(","))).append("\r\n");
    }
    return text.toString();
  }

  private static String quoted(String text) {
    return text.matches("[^\",\r\n]*") ? text : "\"" + text.replace("\"", "\"\"") + "\"";
  }
}
