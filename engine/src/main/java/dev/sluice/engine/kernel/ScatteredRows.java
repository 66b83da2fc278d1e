package dev.sluice.engine.kernel;

import java.lang.foreign.ValueLayout;

/**
 * Rows that lie apart in memory begin with a cache miss each, and a hardware prefetcher that follows one stream has
 * hardly caught up when the row ends. So the lines of the rows after next are asked for while the next are computed: loads
 * that nothing waits for.
 */
final class ScatteredRows {
  /** Rows that are computed while as many are fetched: they stay in L1 together. */
  static final int GROUP = 4;

  private static final int LINE_BYTES = 64;

  private ScatteredRows() {}

  /**
   * Loads a byte of every cache line of the rows.
   *
   * @return what depends on all the loads, so that they cannot be left out
   */
  static long touch(long base, long[] offsets, int first, int rows, long rowBytes) {
    long seen = 0;
    for (int r = first; r < first + rows; r++) {
      long address = NativeMemory.bounded(base + offsets[r]);
      for (long at = 0; at < rowBytes; at += LINE_BYTES) {
        seen += NativeMemory.ALL.get(ValueLayout.JAVA_BYTE, address + at);
      }
    }
    return seen;
  }
}
