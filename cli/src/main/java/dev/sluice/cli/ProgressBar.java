package dev.sluice.cli;

import dev.sluice.bench.compare.Progress;
import java.io.PrintStream;
import java.util.Locale;

/**
 * One line on stderr that is drawn over while long work goes on. Silent when stderr is no terminal, and for work that is done
 * within a second.
 */
final class ProgressBar implements Progress, AutoCloseable {
  private static final long QUIET_NANOS = 1_000_000_000L;
  private static final long REDRAW_NANOS = 100_000_000L;
  private static final int BAR_COLUMNS = 24;

  private final PrintStream out;
  private final boolean visible;
  private final long started = System.nanoTime();
  private long drawn;
  private int width;
  private String stage = "";

  ProgressBar() {
    this(System.err,
        System.console() != null && System.console().isTerminal() && System.getenv("TERM") != null);
  }

  ProgressBar(PrintStream out, boolean visible) {
    this.out = out;
    this.visible = visible;
  }

  @Override
  public synchronized void report(String stage, long done, long total) {
    long now = System.nanoTime();
    boolean changed = !stage.equals(this.stage);
    if (!visible || now - started < QUIET_NANOS
        || (!changed && done < total && now - drawn < REDRAW_NANOS)) {
      return;
    }
    this.stage = stage;
    drawn = now;
    double share = total <= 0 ? 0 : Math.min(1, (double) done / total);
    int filled = (int) Math.round(share * BAR_COLUMNS);
    String line =
        String.format(
            Locale.ROOT,
            "%s%s %3.0f %%  %s",
            "#".repeat(filled),
            ".".repeat(BAR_COLUMNS - filled),
            100 * share,
            stage.length() > 44 ? stage.substring(0, 44) : stage);
    out.print("\r" + line + " ".repeat(Math.max(0, width - line.length())));
    out.flush();
    width = line.length();
  }

  @Override
  public void close() {
    clear();
  }

  /** Takes the bar off the terminal, so that what is printed next stands alone. */
  synchronized void clear() {
    if (width > 0) {
      out.print("\r" + " ".repeat(width) + "\r");
      out.flush();
      width = 0;
    }
  }
}
