package dev.sluice.engine.kernel;

/**
 * Rows that lie apart in memory begin with a cache miss each, and a hardware prefetcher that follows one stream has hardly
 * caught up when the row ends. So before a group of rows is computed their cache lines are asked for: the first line of
 * every row, then the second, so that the processor follows as many streams as there are rows.
 */
final class ScatteredRows {
  /** Rows that are fetched side by side; with 32, the processor loses track of them. */
  static final int GROUP = 16;

  private static final int LINE_BYTES = 64;

  private ScatteredRows() {}

  /** Loads a byte of every cache line of at most {@link #GROUP} rows. */
  static void fetch(long base, long[] offsets, int first, int rows, long rowBytes) {
    long seen = 0;
    for (int line = 0; line < (int) rowBytes; line += LINE_BYTES) {
      for (int r = first; r < first + rows; r++) {
        seen += NativeMemory.bits8(NativeMemory.bounded(base + offsets[r]) + line);
      }
    }
    Lanes.scratch()[Lanes.SINK] = seen; // so that the compiler cannot leave the loads out
  }
}
