package dev.sluice.storage.cache;

import java.util.Arrays;

/**
 * The bundles of the layer at hand, which must stay where they are until the next layer is split: its hits, and what has been
 * admitted since. One layer's bitmap. Not thread-safe.
 */
final class LayerInUse {
  private final long[] inUse;
  private int firstWord;

  LayerInUse(int wordsPerLayer) {
    inUse = new long[wordsPerLayer];
  }

  /** Another layer's turn, or the same one's again. */
  void begin(int firstWord, long[] hitBundles) {
    this.firstWord = firstWord;
    System.arraycopy(hitBundles, 0, inUse, 0, inUse.length);
  }

  /** A bundle is needed too; one of another layer than was begun ends that one's turn. */
  void add(int position) {
    int word = (position >>> 6) - firstWord;
    if (word < 0 || word >= inUse.length) {
      end();
      firstWord = (position >>> 6) / inUse.length * inUse.length;
      word = (position >>> 6) - firstWord;
    }
    inUse[word] |= 1L << position;
  }

  boolean contains(int position) {
    int word = (position >>> 6) - firstWord;
    return word >= 0 && word < inUse.length && (inUse[word] >>> position & 1) != 0;
  }

  /** Nothing is in use. */
  void end() {
    Arrays.fill(inUse, 0);
  }
}
