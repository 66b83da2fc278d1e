package dev.sluice.engine.text;

import java.util.Arrays;

/** A growing list of token ids without boxing. One thread at a time. */
final class IdList {
  private int[] ids;
  private int size;

  IdList(int expected) {
    ids = new int[Math.max(16, expected)];
  }

  int size() {
    return size;
  }

  void add(int id) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, Math.addExact(size, Math.max(16, size >> 1)));
    }
    ids[size++] = id;
  }

  void addAll(int[] more) {
    for (int id : more) {
      add(id);
    }
  }

  /** A copy of the ids from index {@code from} to the end. */
  int[] from(int from) {
    return Arrays.copyOfRange(ids, from, size);
  }
}
