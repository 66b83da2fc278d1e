package dev.sluice.bench.report;

import java.util.List;

/**
 * A table, not yet laid out.
 *
 * @param columns the first one names the row and is never dropped
 */
record Table<R>(String title, List<Column<R>> columns, List<R> rows) {}
