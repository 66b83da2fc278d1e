package dev.sluice.engine.text;

import java.util.Arrays;

/**
 * Byte-pair merging of one piece of text (Sennrich et al. 2016): of all neighbouring pairs the one
 * of lowest rank merges first, the leftmost among equals, until none can. Symbols form a linked
 * list and candidate merges a binary heap, so n symbols take O(n log n). Scratch memory is reused
 * from piece to piece. One thread at a time.
 */
final class PieceMerger {
  private static final int END = -1;

  private final Alphabet alphabet;
  private final MergeTable merges;
  private int[] ids = new int[64];
  private int[] next = new int[64];
  private int[] previous = new int[64];
  private long[] heap = new long[128]; // rank << 32 | position of the left symbol; smallest on top
  private int heapSize;

  PieceMerger(Alphabet alphabet, MergeTable merges) {
    this.alphabet = alphabet;
    this.merges = merges;
  }

  /** Appends the tokens of {@code bytes}, UTF-8 and not empty, to {@code target}. */
  void merge(byte[] bytes, IdList target) {
    if (start(bytes) == 0) {
      return;
    }
    while (heapSize > 0) {
      long top = pop();
      int rank = (int) (top >>> 32);
      int left = (int) top;
      int right = ids[left] < 0 ? END : next[left];
      if (right == END || merges.rank(ids[left], ids[right]) != rank) {
        continue; // an earlier merge took one of the two
      }
      ids[left] = merges.product(rank);
      ids[right] = END;
      next[left] = next[right];
      if (next[left] != END) {
        previous[next[left]] = left;
        offer(left, next[left]);
      }
      if (previous[left] != END) {
        offer(previous[left], left);
      }
    }
    for (int at = 0; at != END; at = next[at]) {
      target.add(ids[at]);
    }
  }

  /** Returns the number of symbols. */
  private int start(byte[] bytes) {
    if (bytes.length > ids.length) {
      int capacity = Math.max(bytes.length, ids.length * 2);
      ids = new int[capacity];
      next = new int[capacity];
      previous = new int[capacity];
    }
    heapSize = 0;
    int count = alphabet.spell(bytes, ids);
    for (int i = 0; i < count; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 == count ? END : i + 1;
    }
    for (int i = 0; i + 1 < count; i++) {
      offer(i, i + 1);
    }
    return count;
  }

  private void offer(int left, int right) {
    int rank = merges.rank(ids[left], ids[right]);
    if (rank < 0) {
      return;
    }
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, heapSize * 2);
    }
    long entry = (long) rank << 32 | left;
    int at = heapSize++;
    while (at > 0 && heap[at - 1 >> 1] > entry) {
      heap[at] = heap[at - 1 >> 1];
      at = at - 1 >> 1;
    }
    heap[at] = entry;
  }

  private long pop() {
    long top = heap[0];
    long moved = heap[--heapSize];
    int at = 0;
    while (2 * at + 1 < heapSize) {
      int child = 2 * at + 1;
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= moved) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
    return top;
  }
}
