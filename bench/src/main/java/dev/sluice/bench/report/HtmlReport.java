package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.SavedPoint;
import dev.sluice.bench.compare.Comparison.Setting;
import dev.sluice.bench.compare.Comparison.Side;
import dev.sluice.bench.compare.Comparison.Width;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The comparison as one HTML file that needs nothing else: style, data, charts and the chart library are inside. */
public final class HtmlReport {
  private HtmlReport() {}

  /**
   * Writes the page beside {@code file} and renames it there, replacing what was; readers see the old page or the new.
   *
   * @throws FaultException if the file system fails
   */
  public static void write(Comparison comparison, Path file) {
    publish(page(comparison), file);
  }

  static void publish(String page, Path file) {
    Path folder = file.toAbsolutePath().getParent();
    try {
      // Not createTempFile: its files are for their owner alone, a report for whoever may read its folder.
      Path beside =
          folder.resolve("." + file.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
      try {
        Files.writeString(beside, page);
        Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE,
            StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(beside);
      }
    } catch (AtomicMoveNotSupportedException e) {
      throw new FaultException(file, "the file system cannot rename atomically",
          "use another folder", e);
    } catch (IOException e) {
      throw new FaultException(
          file, "the report cannot be written (" + FaultException.reason(e) + ")",
          "check the folder and its free space", e);
    }
  }

  static String page(Comparison comparison) {
    Headline headline = new Headline(comparison);
    Setting setting = comparison.setting();
    List<Table<?>> runs = new ArrayList<>();
    List<Table<?>> details = new ArrayList<>();
    for (ModelResult model : comparison.models()) {
      for (Width width : model.widths()) {
        runs.add(RunTables.ladder(model, width));
        runs.add(RunTables.leaveOneOut(model, width));
        details.add(RunTables.times(model, width));
        details.add(RunTables.setups(model, width));
      }
    }
    List<Table<?>> saved = List.copyOf(SavedTables.of(comparison));
    details.addAll(SavedTables.sides(comparison));
    List<Table<?>> rules = new ArrayList<>();
    comparison.models().forEach(model -> rules.add(QualityTable.of(model)));
    comparison.models().forEach(model -> rules.add(QualityTable.byLayer(model)));
    List<Table<?>> all = new ArrayList<>(saved);
    all.addAll(runs);
    all.addAll(rules);
    all.addAll(details);
    ChartLibrary library = ChartLibrary.load();
    return Template.load("report.html")
        .fill(
            Map.ofEntries(
                Map.entry("title", HtmlTable.escape(headline.title())),
                Map.entry("summary", HtmlTable.escape(headline.summary())),
                Map.entry("tiles", tiles(comparison, headline)),
                Map.entry("own_widths", HtmlTable.escape(headline.ownWidths())),
                Map.entry("padded_widths", HtmlTable.escape(headline.paddedWidths())),
                Map.entry("device", HtmlTable.escape(setting.device())),
                Map.entry("ram", Digits.brief(setting.ramShare())),
                Map.entry("saved_tables", tables(saved)),
                Map.entry("run_tables", tables(runs)),
                Map.entry("rule_tables", tables(rules)),
                Map.entry("detail_tables", tables(details)),
                Map.entry("definitions", HtmlTable.definitions(all)),
                Map.entry("provenance", HtmlTable.render(Provenance.table(comparison))),
                Map.entry("css", Template.text("report.css")),
                Map.entry("data", inScript(JsonReport.json(comparison))),
                Map.entry("library", library.script()),
                Map.entry("licence", HtmlTable.escape(library.licence())),
                Map.entry("script", Template.text("figures.js") + Template.text("charts.js"))));
  }

  private static String tables(List<Table<?>> tables) {
    StringBuilder html = new StringBuilder();
    tables.forEach(table -> html.append(HtmlTable.render(table)));
    return html.toString();
  }

  /** JSON that no HTML parser takes for markup: without {@code <} it can hold no end tag and no comment. */
  static String inScript(String json) {
    return json.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029");
  }

  private static String tiles(Comparison comparison, Headline headline) {
    StringBuilder html = new StringBuilder();
    String first = comparison.models().getFirst().name();
    String second = comparison.models().get(1).name();
    tile(html, headline.point(false), "at their own width, " + headline.ownWidths(), first, second);
    tile(html, headline.point(true), "padded to " + headline.paddedWidths(), first, second);
    return html.toString();
  }

  private static void tile(
      StringBuilder html, Optional<SavedPoint> found, String width, String first, String second) {
    found.ifPresent(
        point -> html.append("<div class=\"tile\"><p class=\"big\">")
            .append(Digits.brief(Math.abs(point.savedShare())))
            .append(" %</p><p>")
            .append(point.savedShare() < 0 ? "more" : "fewer")
            .append(" FFN bytes per token, bundles ")
            .append(HtmlTable.escape(width))
            .append("</p><dl>")
            .append(side(first, point.first()))
            .append(side(second, point.second()))
            .append("</dl></div>\n"));
  }

  private static String side(String name, Side side) {
    return "<div><dt>" + HtmlTable.escape(name) + "</dt><dd>" + Digits.size(side.bytesPerToken())
        + ", "
        + Digits.three(side.requestsPerToken()) + " requests, "
        + Digits.three(side.ioMillisPerToken())
        + " ms of I/O</dd></div>";
  }
}
