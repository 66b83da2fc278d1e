package dev.sluice.bundler.checkpoint;

import java.lang.foreign.MemorySegment;

/** Undoes the permutation that converters apply to rows of q and k, see {@link GgufArchitecture.HeadRows}. Stateless. */
final class HeadRowOrder {
  private HeadRowOrder() {}

  /**
   * Copies rows so that interleaved pairs become halves: row 2j + s of each head goes to j + s · headSize / 2. Rows are
   * whole, so that quantised ones move like any other; a bias has rows of one element.
   *
   * @param heads of q, or of k
   */
  static void separate(MemorySegment interleaved, int heads, int headSize, MemorySegment halves) {
    long rowBytes = interleaved.byteSize() / ((long) heads * headSize);
    int half = headSize / 2;
    for (int head = 0; head < heads; head++) {
      long first = (long) head * headSize;
      for (int row = 0; row < headSize; row++) {
        long to = first + row / 2 + (long) (row % 2) * half;
        MemorySegment.copy(
            interleaved, (first + row) * rowBytes, halves, to * rowBytes, rowBytes);
      }
    }
  }
}
