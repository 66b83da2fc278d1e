package dev.sluice.bench.report;

import dev.sluice.bench.cache.CacheResult;
import dev.sluice.bench.cache.CacheResult.Entry;
import dev.sluice.bench.cache.CacheResult.Setting;
import java.util.List;
import java.util.Locale;

/** A trial of cache policies for a terminal and as Markdown. */
public final class CacheReport {
  private CacheReport() {}

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

  private static List<Table<Entry>> tables(CacheResult result) {
    return result.points().stream()
        .map(point -> new Table<>(
            "Slots for " + Digits.brief(point.slotShare()) + " % of the FFN",
            columns(point.entries().getFirst()), point.entries()))
        .toList();
  }

  private static List<Column<Entry>> columns(Entry control) {
    String name = control.policy() + ", " + Digits.brief(control.pinShare()) + " %";
    return List.of(
        Column.text("policy", "policy", Entry::policy),
        Column.figure("pinned, % of slots", "pinned\n%", 0, "",
            entry -> Digits.brief(entry.pinShare())),
        Column.figure("I/O ms per token", "I/O ms", 0, "",
            entry -> Digits.three(entry.ioMillisPerToken())),
        Column.figure("I/O, of " + name, "of\nfirst", 1, "",
            entry -> Digits.fixed(entry.ioRatio(), 3)),
        Column.figure("least and most", "least\nand most", 4, "",
            entry -> Digits.fixed(entry.leastIoRatio(), 2) + "–"
                + Digits.fixed(entry.mostIoRatio(), 2)),
        Column.figure("hit rate, %", "hits\n%", 0, "",
            entry -> Digits.percent(entry.hitRate())),
        Column.figure("KB per token", "KB/tok.", 2, "",
            entry -> Digits.kilobytes(entry.bytesPerToken())),
        Column.figure("requests per token", "reads", 2, "",
            entry -> Digits.three(entry.requestsPerToken())),
        Column.figure("cache µs per token", "cache\nµs", 3, "",
            entry -> entry.policy().equals(CacheResult.BOUND) ? "–"
                : Digits.three(entry.cacheMicrosPerToken())));
  }

  private static String setting(Setting setting) {
    return String.format(Locale.ROOT,
        "Replay of %s through the order and frequencies of %s (%d layers of %,d bundles, %,d bytes each on disk; a token wants "
            + "%s %% of them): %d rounds of %d tokens after %d that fill the slots, all in turns; medians, and ratios to the "
            + "first in the same round. Reads: %s, merged over gaps of up to %d KiB, nothing computed meanwhile. %s knows the "
            + "future and bounds hits, not I/O. %s, Linux %s. 1 KB is 1,000 bytes.",
        setting.trace(), setting.store(), setting.layers(), setting.bundlesPerLayer(),
        setting.bundleBytesOnDisk(), Digits.percent(setting.activeShare()), setting.rounds(),
        setting.tokens(), setting.warmTokens(), setting.reader(), setting.gapBytes() >> 10,
        CacheResult.BOUND, setting.processor(), setting.kernel());
  }
}
