package dev.sluice.bench.report;

import java.util.function.Function;

/**
 * One column of a table.
 *
 * @param heading in full, with its unit
 * @param label for terminals: at most two short lines
 * @param definition what the figure is and how it was counted; empty for a column that needs none
 * @param rank 0 stays in the narrowest terminal; the highest goes first
 */
record Column<R>(
    String heading, String label, String definition, Side side, int rank,
    Function<R, String> cell) {

  /** Where a cell's text stands. */
  enum Side {
    LEFT,
    RIGHT
  }

  static <R> Column<R> text(String heading, String label, Function<R, String> cell) {
    return new Column<>(heading, label, "", Side.LEFT, 0, cell);
  }

  static <R> Column<R> figure(
      String heading, String label, int rank, String definition, Function<R, String> cell) {
    return new Column<>(heading, label, definition, Side.RIGHT, rank, cell);
  }

  Column<R> defined(String meaning) {
    return new Column<>(heading, label, meaning, side, rank, cell);
  }
}
