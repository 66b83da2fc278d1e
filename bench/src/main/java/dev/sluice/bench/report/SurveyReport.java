package dev.sluice.bench.report;

import dev.sluice.bench.io.SurveyResult;
import dev.sluice.bench.io.SurveyResult.Cell;
import dev.sluice.bench.io.SurveyResult.Fit;
import dev.sluice.bench.io.SurveyResult.Guest;
import dev.sluice.bench.io.SurveyResult.Pattern;
import dev.sluice.bench.io.SurveyResult.Setting;
import dev.sluice.storage.FaultException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A probe of a device for a terminal, and as one HTML file that needs nothing else. */
public final class SurveyReport {
  private SurveyReport() {}

  /** Cells of one backend, pattern and depth, over sizes. */
  private record Row(String name, List<Cell> cells) {
    String at(int requestBytes) {
      return cells.stream().filter(cell -> cell.requestBytes() == requestBytes).findFirst()
          .map(cell -> Digits.three(cell.megabytesPerSecond())).orElse("–");
    }
  }

  /**
   * The tables and the setting, as plain text; no line is longer than {@code columns} characters.
   *
   * @param columns width of the terminal in characters; at least 20
   */
  public static String render(SurveyResult survey, int columns) {
    List<String> lines = TextTable.renderAll(tables(survey), columns);
    lines.addAll(TextTable.wrap(summary(survey), columns));
    lines.addAll(TextTable.wrap(setting(survey.setting()), columns));
    return String.join("\n", lines) + "\n";
  }

  /**
   * Writes the page, replacing what was.
   *
   * @throws FaultException if the file system fails
   */
  public static void write(SurveyResult survey, Path file) {
    HtmlReport.publish(page(survey), file);
  }

  static String page(SurveyResult survey) {
    StringBuilder html = new StringBuilder();
    tables(survey).forEach(table -> html.append(HtmlTable.render(table)));
    ChartLibrary library = ChartLibrary.load();
    return Template.load("probe.html")
        .fill(
            Map.ofEntries(
                Map.entry("title",
                    HtmlTable.escape("Reads from " + survey.setting().device())),
                Map.entry("summary", HtmlTable.escape(summary(survey))),
                Map.entry("setting", HtmlTable.escape(setting(survey.setting()))),
                Map.entry("tables", html.toString()),
                Map.entry("css", Template.text("report.css")),
                Map.entry("data", HtmlReport.inScript(JsonReport.json(survey))),
                Map.entry("library", library.script()),
                Map.entry("licence", HtmlTable.escape(library.licence())),
                Map.entry("script", Template.text("figures.js") + Template.text("probe.js"))));
  }

  private static List<Table<?>> tables(SurveyResult survey) {
    List<Table<?>> tables = new ArrayList<>();
    for (Pattern pattern : Pattern.values()) {
      tables.add(speeds(survey, pattern));
    }
    if (!survey.guests().isEmpty()) {
      tables.add(guests(survey.guests()));
    }
    return tables;
  }

  private static Table<Row> speeds(SurveyResult survey, Pattern pattern) {
    List<Row> rows = new ArrayList<>();
    List<Integer> sizes = new ArrayList<>();
    for (Cell cell : survey.cells()) {
      if (cell.pattern() != pattern) {
        continue;
      }
      if (!sizes.contains(cell.requestBytes())) {
        sizes.add(cell.requestBytes());
      }
      String name = cell.backend() + ", " + cell.inFlight() + " in flight";
      rows.stream().filter(row -> row.name().equals(name)).findFirst().orElseGet(() -> {
        Row row = new Row(name, new ArrayList<>());
        rows.add(row);
        return row;
      }).cells().add(cell);
    }
    List<Column<Row>> columns = new ArrayList<>();
    columns.add(Column.text("reader", "MB/s", Row::name));
    for (int size : sizes) {
      String heading = (size >> 10) + " KiB";
      columns.add(Column.figure(heading, heading, 0, "", row -> row.at(size)));
    }
    return new Table<>(
        (pattern == Pattern.RANDOM ? "Random" : "Sequential") + " reads, MB/s by request size",
        columns, rows);
  }

  private static Table<Guest> guests(List<Guest> guests) {
    return new Table<>("The same random reads by another program, in turns",
        List.of(
            Column.text("request", "request", guest -> (guest.requestBytes() >> 10) + " KiB"),
            Column.text("program", "program", Guest::program),
            Column.figure("MB/s", "MB/s", 0, "", g -> Digits.three(g.megabytesPerSecond())),
            Column.figure("Sluice / program", "Sluice /\nprogram", 0, "",
                g -> Digits.fixed(g.ratio(), 3))),
        guests);
  }

  private static String summary(SurveyResult survey) {
    Fit fit = survey.fit();
    return String.format(Locale.ROOT,
        "A random request costs %.1f us and its bytes pass at %.0f MB/s (%s); sizes differ from that line by at most %.0f %%. "
            + "So reads are merged over gaps of up to %d KiB, into requests of up to %d KiB.",
        fit.requestMicros(), fit.bytesPerSecond() / 1e6, fit.reader(), 100 * fit.worstError(),
        fit.gapBytes() >> 10, fit.maxRequestBytes() >> 10);
  }

  private static String setting(Setting setting) {
    String notes = setting.notes().isEmpty() ? "" : " " + String.join(". ", setting.notes()) + ".";
    return setting.device() + ", Linux " + setting.kernel() + ", " + setting.processor() + ", "
        + setting.measuredAt() + ": " + Digits.size((double) setting.readBytes())
        + " read from a file of " + Digits.size((double) setting.fileBytes()) + " in "
        + Digits.three(setting.seconds()) + " s; medians of " + setting.rounds()
        + " rounds in turns, seed " + setting.seed() + ". mmap without read-ahead, on one thread."
        + " 1 MB is 1,000,000 bytes." + notes;
  }
}
