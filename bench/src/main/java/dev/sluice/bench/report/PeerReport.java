package dev.sluice.bench.report;

import dev.sluice.bench.peers.PeerComparison;
import dev.sluice.bench.peers.PeerComparison.Point;
import dev.sluice.bench.peers.PeerComparison.Result;
import dev.sluice.bench.peers.PeerComparison.Setting;
import dev.sluice.storage.FaultException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Peer runs for a terminal, and as one HTML file that needs nothing else. */
public final class PeerReport {
  private PeerReport() {}

  /**
   * The tables and the setting, as plain text; no line is longer than {@code columns} characters.
   *
   * @param columns width of the terminal in characters; at least 20
   */
  public static String render(PeerComparison comparison, int columns) {
    List<String> lines = new ArrayList<>(TextTable.wrap(summary(comparison), columns));
    lines.add("");
    lines.addAll(TextTable.renderAll(PeerTables.of(comparison), columns));
    for (Point point : comparison.points()) {
      for (Result result : point.results()) {
        if (!result.note().isEmpty()) {
          lines.addAll(TextTable.wrap(
              PeerTables.title(point) + ": " + note(result), columns));
        }
        if (result.tokenTime() != null) {
          lines.addAll(TextTable.wrap(PeerTables.title(point) + ": " + result.rival() + ": "
              + TokenFigure.sentence(result.tokenTime()), columns));
        }
      }
    }
    lines.addAll(TextTable.wrap(setting(comparison.setting()), columns));
    return String.join("\n", lines) + "\n";
  }

  /**
   * Writes the page, replacing what was.
   *
   * @throws FaultException if the file system fails
   */
  public static void write(PeerComparison comparison, Path file) {
    HtmlReport.publish(page(comparison), file);
  }

  static String page(PeerComparison comparison) {
    List<Table<?>> tables = PeerTables.of(comparison);
    StringBuilder html = new StringBuilder();
    tables.forEach(table -> html.append(HtmlTable.render(table)));
    ChartLibrary library = ChartLibrary.load();
    return Template.load("peers.html")
        .fill(
            Map.ofEntries(
                Map.entry("title",
                    HtmlTable.escape("Side by side: " + comparison.setting().model())),
                Map.entry("summary", HtmlTable.escape(summary(comparison))),
                Map.entry("setting", HtmlTable.escape(setting(comparison.setting()))),
                Map.entry("token", tokens(comparison)),
                Map.entry("tables", html.toString()),
                Map.entry("definitions", HtmlTable.definitions(tables)),
                Map.entry("provenance", HtmlTable.render(PeerTables.setting(comparison))),
                Map.entry("css", Template.text("report.css")),
                Map.entry("data", HtmlReport.inScript(JsonReport.json(comparison))),
                Map.entry("library", library.script()),
                Map.entry("licence", HtmlTable.escape(library.licence())),
                Map.entry("script", Template.text("figures.js") + Template.text("peers.js"))));
  }

  /** The section with timelines; nothing where no engine tells of one. */
  private static String tokens(PeerComparison comparison) {
    StringBuilder figures = new StringBuilder();
    comparison.points().forEach(point -> figures.append(TokenFigure.render(point)));
    return figures.isEmpty() ? "" : "<section>\n<h2>One token's time</h2>\n" + figures
        + "</section>\n\n";
  }

  /** Failures name their rival already. */
  private static String note(Result result) {
    return result.note().startsWith(result.rival()) ? result.note()
        : result.rival() + ": " + result.note();
  }

  /** One sentence for each limit, computed from its figures. */
  static String summary(PeerComparison comparison) {
    StringBuilder text = new StringBuilder();
    for (Point point : comparison.points()) {
      List<Result> measured =
          point.results().stream().filter(result -> result.figures() != null).toList();
      text.append(text.isEmpty() ? "" : " ").append(capital(PeerTables.title(point))).append(": ");
      if (measured.isEmpty()) {
        text.append("nothing could be measured.");
        continue;
      }
      for (int i = 0; i < measured.size(); i++) {
        Result result = measured.get(i);
        text.append(i == 0 ? "" : "; ").append(result.rival()).append(' ')
            .append(Digits.three(result.figures().tokensPerSecond().median()))
            .append(" tokens/s");
      }
      text.append('.');
    }
    return text.toString();
  }

  private static String setting(Setting setting) {
    return capital(setting.weights()) + " (" + setting.model() + ", "
        + Digits.size((double) setting.ggufBytes()) + "); " + setting.peer() + "; "
        + setting.processor() + ", processors " + setting.processors() + ", "
        + Digits.count(setting.threads()) + " threads; " + Digits.count(setting.promptTokens())
        + " tokens of prompt and " + Digits.count(setting.decodeTokens())
        + " given after it, the same for all; every rival in a cgroup of its own, "
        + Digits.count(setting.runs()) + " runs each, in turns; " + setting.pageCache()
        + ". 1 MB is 1,000,000 bytes.";
  }

  private static String capital(String text) {
    return text.isEmpty() ? text : text.substring(0, text.offsetByCodePoints(0, 1))
        .toUpperCase(java.util.Locale.ROOT) + text.substring(text.offsetByCodePoints(0, 1));
  }
}
