package dev.sluice.bundler.coactivation;

import java.util.Arrays;

/**
 * Keeps the best of a neuron's partners: most firings together first, the lower neuron first among equals, never one
 * with which it did not fire. A bounded heap of packed pairs; reusable, not thread-safe.
 */
final class TopPartners {
  private final long[] heap;
  private int size;

  TopPartners(int limit) {
    heap = new long[limit];
  }

  int size() {
    return size;
  }

  /** A count below which an offer is in vain. */
  int least() {
    return size < heap.length ? 1 : (int) (heap[0] >>> 32);
  }

  void offer(int neuron, int count) {
    if (count == 0) {
      return;
    }
    // The complement makes the lower neuron the greater long, so one comparison orders both.
    long entry = (long) count << 32 | (~neuron & 0xffffffffL);
    if (size < heap.length) {
      int child = size++;
      while (child > 0 && heap[(child - 1) >>> 1] > entry) {
        heap[child] = heap[(child - 1) >>> 1];
        child = (child - 1) >>> 1;
      }
      heap[child] = entry;
    } else if (entry > heap[0]) {
      replaceWorst(entry);
    }
  }

  private void replaceWorst(long entry) {
    int parent = 0;
    while (true) {
      int child = 2 * parent + 1;
      if (child >= size) {
        break;
      }
      if (child + 1 < size && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= entry) {
        break;
      }
      heap[parent] = heap[child];
      parent = child;
    }
    heap[parent] = entry;
  }

  /** Writes the partners, best first, and their counts from {@code offset}; destroys the heap. */
  int drain(int[] neurons, int[] counts, int offset) {
    Arrays.sort(heap, 0, size);
    int drained = size;
    for (int k = 0; k < drained; k++) {
      long entry = heap[drained - 1 - k];
      neurons[offset + k] = ~(int) entry;
      counts[offset + k] = (int) (entry >>> 32);
    }
    size = 0;
    return drained;
  }
}
