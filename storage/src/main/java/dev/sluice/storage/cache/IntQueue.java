package dev.sluice.storage.cache;

/** First in, first out, in a ring: nothing is allocated after construction. Not thread-safe. */
final class IntQueue {
  private final int[] items;
  private int first;
  private int size;

  /** @param capacity the most that are ever in it */
  IntQueue(int capacity) {
    items = new int[Math.max(1, capacity)];
  }

  static long heapBytes(int capacity) {
    return (long) Integer.BYTES * Math.max(1, capacity);
  }

  int size() {
    return size;
  }

  void add(int item) {
    int at = first + size++;
    items[at < items.length ? at : at - items.length] = item;
  }

  /** Takes the one that was added first; there must be one. */
  int poll() {
    int item = items[first];
    first = first + 1 == items.length ? 0 : first + 1;
    size--;
    return item;
  }

  void clear() {
    size = 0;
  }
}
