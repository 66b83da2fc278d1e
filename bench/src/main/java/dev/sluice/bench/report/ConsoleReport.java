package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Setting;
import dev.sluice.bench.compare.Comparison.Width;
import java.util.ArrayList;
import java.util.List;

/** The comparison for a terminal. */
public final class ConsoleReport {
  private ConsoleReport() {}

  /**
   * Ladders, leave-one-out and what is saved, as plain text; no line is longer than {@code columns} characters.
   *
   * @param columns width of the terminal in characters; at least 20
   */
  public static String render(Comparison comparison, int columns) {
    if (columns < 20) {
      throw new IllegalArgumentException("columns: " + columns);
    }
    List<String> lines = new ArrayList<>();
    for (ModelResult model : comparison.models()) {
      lines.addAll(TextTable.wrap(model.name() + ": " + Provenance.describe(model), columns));
      lines.add("");
      for (Width width : model.widths()) {
        lines.addAll(TextTable.renderAll(List.of(RunTables.ladder(model, width)), columns));
        lines.addAll(TextTable.renderAll(List.of(RunTables.leaveOneOut(model, width)), columns));
      }
    }
    lines.addAll(TextTable.renderAll(SavedTables.of(comparison), columns));
    lines.addAll(TextTable.wrap(new Headline(comparison).summary(), columns));
    lines.add("");
    lines.addAll(TextTable.wrap(describe(comparison.setting()), columns));
    return String.join("\n", lines) + "\n";
  }

  private static String describe(Setting setting) {
    return "Measured by real reads on this device (" + setting.device() + "; " + setting.processor()
        + ") over "
        + Digits.count(setting.decodedTokens()) + " tokens of " + setting.text() + " a run ("
        + Digits.count(setting.denseDecodedTokens())
        + " where every neuron is read), perplexity over "
        + Digits.count(setting.evaluatedTokens())
        + ". These checkpoints are small: at their own width several bundles"
        + " share a 4 KiB page, so they cannot show I/O well. 1 KB is 1,000 bytes.";
  }
}
