package dev.sluice.bundler.coactivation;

/**
 * Counts the tokens at which two neurons fire together, by population counts over columns (one bitset of tokens per
 * neuron). Works in tiles that stay in the second-level cache, two by two columns at a time: each long that is loaded
 * counts twice. Stateless but for the columns, which it only reads; thread-safe.
 */
final class PairCounter {
  /** Columns per side of a tile: 64 KiB at 8,192 tokens. */
  private static final int TILE = 64;

  private final long[] columns;
  private final int words;

  PairCounter(long[] columns, int words) {
    this.columns = columns;
    this.words = words;
  }

  int count(int a, int b) {
    int offsetA = a * words;
    int offsetB = b * words;
    int count = 0;
    for (int w = 0; w < words; w++) {
      count += Long.bitCount(columns[offsetA + w] & columns[offsetB + w]);
    }
    return count;
  }

  /**
   * Counts rows {@code firstRow .. endRow} against columns {@code firstColumn .. endColumn}.
   *
   * @param target count of (i, j) at {@code (i - firstRow) * stride + j}
   */
  void count(int firstRow, int endRow, int firstColumn, int endColumn, int[] target, int stride) {
    for (int tile = firstColumn; tile < endColumn; tile += TILE) {
      int tileEnd = Math.min(tile + TILE, endColumn);
      int i = firstRow;
      for (; i + 1 < endRow; i += 2) {
        int row = (i - firstRow) * stride;
        int j = tile;
        for (; j + 1 < tileEnd; j += 2) {
          countTwoByTwo(i, j, target, row, stride);
        }
        if (j < tileEnd) {
          target[row + j] = count(i, j);
          target[row + stride + j] = count(i + 1, j);
        }
      }
      if (i < endRow) {
        for (int j = tile; j < tileEnd; j++) {
          target[(i - firstRow) * stride + j] = count(i, j);
        }
      }
    }
  }

  private void countTwoByTwo(int i, int j, int[] target, int row, int stride) {
    int a = i * words;
    int b = a + words;
    int c = j * words;
    int d = c + words;
    int ac = 0;
    int ad = 0;
    int bc = 0;
    int bd = 0;
    for (int w = 0; w < words; w++) {
      long wordA = columns[a + w];
      long wordB = columns[b + w];
      long wordC = columns[c + w];
      long wordD = columns[d + w];
      ac += Long.bitCount(wordA & wordC);
      ad += Long.bitCount(wordA & wordD);
      bc += Long.bitCount(wordB & wordC);
      bd += Long.bitCount(wordB & wordD);
    }
    target[row + j] = ac;
    target[row + j + 1] = ad;
    target[row + stride + j] = bc;
    target[row + stride + j + 1] = bd;
  }
}
