package dev.sluice.bench.papers;

import java.util.List;
import java.util.Map;

/**
 * What an experiment found.
 *
 * @param key the experiment's
 * @param title for people
 * @param sentences what was done and what came out, made from the figures
 * @param tables at least one
 * @param charts views of tables
 */
public record Findings(
    String key, String title, List<String> sentences, List<ResultTable> tables,
    List<Chart> charts) {
  public Findings {
    sentences = List.copyOf(sentences);
    tables = List.copyOf(tables);
    charts = List.copyOf(charts);
  }

  /**
   * Lines over a table's rows.
   *
   * @param table its key
   * @param x key of the column across
   * @param y key of the column upwards
   * @param series keys of the columns whose texts, together, name a line
   * @param dashed where a line's name has this text it is dashed; empty for none
   * @param scale of the x axis
   * @param where only rows count in which these columns hold these texts
   */
  public record Chart(
      String title, String table, String x, String y, List<String> series, String dashed,
      Scale scale, Map<String, String> where) {
    public Chart {
      series = List.copyOf(series);
      where = Map.copyOf(where);
    }

    /** Of all rows. */
    Chart(String title, String table, String x, String y, List<String> series, String dashed,
        Scale scale) {
      this(title, table, x, y, series, dashed, scale, Map.of());
    }
  }

  /** How an axis is divided. */
  public enum Scale {
    LINEAR,
    LOGARITHMIC
  }
}
