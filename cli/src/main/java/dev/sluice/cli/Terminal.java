package dev.sluice.cli;

/** What is known of the terminal. */
final class Terminal {
  private static final int USUAL_COLUMNS = 100;

  private Terminal() {}

  /** Columns as the launcher saw them, or a usual width when output goes elsewhere. */
  static int columns() {
    Integer columns = Integer.getInteger("sluice.columns");
    return columns == null || columns < 40 ? USUAL_COLUMNS : columns;
  }
}
