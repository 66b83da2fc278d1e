package dev.sluice.bench.report;

import dev.sluice.bench.cache.CacheResult;
import dev.sluice.bench.cache.CacheResult.Entry;
import dev.sluice.bench.cache.CacheResult.Point;
import dev.sluice.bench.cache.CacheResult.Setting;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A trial of cache policies for a terminal and as Markdown. */
public final class CacheReport {
  private CacheReport() {}

  /** One policy at one point. */
  private record Row(Point point, Entry entry) {}

  /**
   * A table for each number of slots, and the setting, as plain text; no line is longer than {@code columns} characters.
   *
   * @param columns width of the terminal in characters; at least 20
   */
  public static String render(CacheResult result, int columns) {
    List<String> lines = TextTable.renderAll(tables(result), columns);
    lines.addAll(TextTable.wrap(setting(result.setting()), columns));
    return String.join("\n", lines) + "\n";
  }

  /** The same as Markdown. */
  public static String markdown(CacheResult result) {
    StringBuilder text = new StringBuilder();
    tables(result).forEach(table -> text.append(MarkdownTable.render(table)));
    return text.append(setting(result.setting())).append('\n').toString();
  }

  private static List<Table<Row>> tables(CacheResult result) {
    List<Table<Row>> tables = new ArrayList<>();
    for (double share : result.points().stream().mapToDouble(Point::slotShare).distinct()
        .toArray()) {
      List<Row> rows = new ArrayList<>();
      for (Point point : result.points()) {
        if (point.slotShare() == share) {
          point.entries().forEach(entry -> rows.add(new Row(point, entry)));
        }
      }
      tables
          .add(new Table<>("Slots for " + Digits.brief(share) + " % of the FFN", columns(), rows));
    }
    return tables;
  }

  private static List<Column<Row>> columns() {
    return List.of(
        Column.text("policy", "policy", CacheReport::name),
        Column.figure("pinned, % of slots", "pinned\n%", 0, "",
            row -> Digits.brief(row.point().pinShare())),
        Column.figure("I/O ms per token", "I/O ms", 0, "",
            row -> Digits.three(row.entry().ioMillisPerToken())),
        Column.figure("I/O of window's", "of\nwindow's", 1, "",
            row -> Digits.fixed(row.entry().ioRatio(), 3)),
        Column.figure("least and most", "least\nand most", 4, "",
            row -> Digits.fixed(row.entry().leastIoRatio(), 2) + "–"
                + Digits.fixed(row.entry().mostIoRatio(), 2)),
        Column.figure("hit rate, %", "hits\n%", 0, "",
            row -> Digits.percent(row.entry().hitRate())),
        Column.figure("KB per token", "KB/tok.", 2, "",
            row -> Digits.kilobytes(row.entry().bytesPerToken())),
        Column.figure("requests per token", "reads", 2, "",
            row -> Digits.three(row.entry().requestsPerToken())),
        Column.figure("cache µs per token", "cache\nµs", 3, "",
            row -> isBound(row) ? "–" : Digits.three(row.entry().cacheMicrosPerToken())));
  }

  private static String name(Row row) {
    return row.point().pinShare() == 1 ? "(any)" : row.entry().policy();
  }

  private static boolean isBound(Row row) {
    return row.entry().policy().equals(CacheResult.BOUND);
  }

  private static String setting(Setting setting) {
    return String.format(Locale.ROOT,
        "Replay of %s through the order and frequencies of %s (%d layers of %,d bundles, %,d bytes each on disk; a token wants "
            + "%s %% of them): %d rounds of %d tokens after %d that fill the slots, policies in turns; medians, and ratios to the "
            + "window in the same round. Reads: %s, merged over gaps of up to %d KiB, nothing computed meanwhile. %s knows the "
            + "future and bounds hits, not I/O. %s, Linux %s. 1 KB is 1,000 bytes.",
        setting.trace(), setting.store(), setting.layers(), setting.bundlesPerLayer(),
        setting.bundleBytesOnDisk(), Digits.percent(setting.activeShare()), setting.rounds(),
        setting.tokens(), setting.warmTokens(), setting.reader(), setting.gapBytes() >> 10,
        CacheResult.BOUND, setting.processor(), setting.kernel());
  }
}
