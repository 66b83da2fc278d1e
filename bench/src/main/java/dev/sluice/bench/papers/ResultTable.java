package dev.sluice.bench.papers;

import java.util.ArrayList;
import java.util.List;

/**
 * A table of figures. Values are kept as they are; views round them.
 *
 * @param key names it in files, such as {@code sparsity_at_loss}
 * @param place where it is shown
 * @param rows one value a column: a String where the column holds text, else a Double, NaN where there is none
 */
public record ResultTable(
    String key, String title, Place place, List<Column> columns, List<List<Object>> rows) {

  /** Whether people are shown a table, or only files hold it. */
  public enum Place {
    EVERYWHERE,
    /** On the page, not in a terminal. */
    PAGE,
    /** In JSON and CSV only. */
    FILES
  }

  /** How a figure is written for people. */
  public enum Digits {
    TEXT,
    COUNT,
    /** Three significant ones. */
    THREE,
    ONE,
    TWO,
    FOUR,
    FIVE,
    SIX
  }

  /**
   * One column.
   *
   * @param key in JSON and CSV; its end is the unit
   * @param heading in full, with the unit
   * @param label for terminals, at most two short lines
   * @param rank 0 stays in the narrowest terminal; the highest goes first
   * @param meaning what is counted; empty where that is plain
   */
  public record Column(
      String key, String heading, String label, Digits digits, int rank, String meaning) {

    static Column text(String key, String heading) {
      return new Column(key, heading, heading, Digits.TEXT, 0, "");
    }

    static Column figure(String key, String heading, String label, Digits digits) {
      return new Column(key, heading, label, digits, 0, "");
    }

    Column ranked(int at) {
      return new Column(key, heading, label, digits, at, meaning);
    }

    Column meaning(String what) {
      return new Column(key, heading, label, digits, rank, what);
    }
  }

  public ResultTable {
    columns = List.copyOf(columns);
    rows = rows.stream().map(List::copyOf).toList();
    for (List<Object> row : rows) {
      if (row.size() != columns.size()) {
        throw new IllegalArgumentException(
            key + ": a row of " + row.size() + " values for " + columns.size() + " columns");
      }
      for (int c = 0; c < row.size(); c++) {
        boolean text = columns.get(c).digits == Digits.TEXT;
        if (text ? !(row.get(c) instanceof String) : !(row.get(c) instanceof Double)) {
          throw new IllegalArgumentException(
              key + ", " + columns.get(c).key + ": " + row.get(c) + " is of the wrong kind");
        }
      }
    }
  }

  /** Collects rows; integers become Doubles. */
  static final class Rows {
    private final List<List<Object>> rows = new ArrayList<>();

    /** Adds a row of Strings and Numbers; nothing is null. */
    void add(Object... values) {
      List<Object> row = new ArrayList<>();
      for (Object value : values) {
        row.add(value instanceof Number number ? (Object) number.doubleValue() : value);
      }
      rows.add(row);
    }

    List<List<Object>> all() {
      return rows;
    }
  }
}
