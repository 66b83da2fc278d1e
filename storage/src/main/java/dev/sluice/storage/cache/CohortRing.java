package dev.sluice.storage.cache;

import java.util.Arrays;

/**
 * The use masks of the last tokens, one bit per bundle, and the union of all of them.
 *
 * <p>A queue made of two stacks keeps the union cheap whatever the window is: the younger masks are
 * summed up in {@link #recent()}; the older ones hold the union of themselves and all older-stack
 * masks after them, so dropping the oldest token leaves the next union ready in {@link #older()}. A
 * mask is rewritten once in its life, when the older stack runs empty and takes over all younger
 * ones. Nothing is allocated after construction. Not thread-safe.
 */
final class CohortRing {
  private final long[][] masks;
  private final long[] empty;
  private final long[] recent;
  private int head;
  private int size;
  private int olderCount;

  /**
   * @param capacity the number of finished tokens held, at least 1
   * @param words the length of a mask
   */
  CohortRing(int capacity, int words) {
    masks = new long[capacity + 1][words];
    empty = new long[words];
    recent = new long[words];
  }

  static long heapBytes(int capacity, int words) {
    return (capacity + 3L) * words * Long.BYTES;
  }

  /** The mask of the token under way; the caller sets bits in it until {@link #finishToken}. */
  long[] current() {
    return masks[index(size)];
  }

  /**
   * Closes the token under way; when the ring is full the oldest token is forgotten. Returns its
   * mask.
   */
  long[] finishToken() {
    long[] used = current();
    if (size == masks.length - 1) {
      dropOldest();
    }
    for (int i = 0; i < used.length; i++) {
      recent[i] |= used[i];
    }
    size++;
    Arrays.fill(current(), 0);
    return used;
  }

  /** Finished tokens held. */
  int size() {
    return size;
  }

  /** Takes the oldest token out of the union. */
  void dropOldest() {
    if (olderCount == 0) {
      moveAllToOlder();
    }
    head = index(1);
    size--;
    olderCount--;
  }

  /** With {@link #recent()} the union of the held tokens: {@code older[i] | recent[i]}. */
  long[] older() {
    return olderCount == 0 ? empty : masks[head];
  }

  long[] recent() {
    return recent;
  }

  void clear() {
    size = 0;
    olderCount = 0;
    Arrays.fill(recent, 0);
    Arrays.fill(current(), 0);
  }

  private void moveAllToOlder() {
    for (int age = size - 2; age >= 0; age--) {
      long[] mask = masks[index(age)];
      long[] next = masks[index(age + 1)];
      for (int i = 0; i < mask.length; i++) {
        mask[i] |= next[i];
      }
    }
    olderCount = size;
    Arrays.fill(recent, 0);
  }

  private int index(int offset) {
    int i = head + offset;
    return i < masks.length ? i : i - masks.length;
  }
}
