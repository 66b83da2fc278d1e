package dev.sluice.storage.cache;

/**
 * Some of the members {@code 0 .. members-1} in the order in which they were added; each leaves from any place in constant
 * time. Links lie in two int arrays; nothing is allocated after construction. Not thread-safe.
 */
final class RecencyList {
  private static final int NOBODY = -1;

  private final int end; // the list's own link: its oldest and its youngest
  private final int[] younger;
  private final int[] older;

  RecencyList(int members) {
    end = members;
    younger = new int[members + 1];
    older = new int[members + 1];
    clear();
  }

  static long heapBytes(long members) {
    return 2 * Integer.BYTES * members;
  }

  /** The member that was added first; -1 if there is none. */
  int oldest() {
    return younger[end] < end ? younger[end] : NOBODY;
  }

  /** Adds one that is not in the list. */
  void add(int member) {
    int youngest = older[end];
    older[member] = youngest;
    younger[member] = end;
    younger[youngest] = member;
    older[end] = member;
  }

  /** Takes out one that is in the list. */
  void remove(int member) {
    int before = older[member];
    int after = younger[member];
    younger[before] = after;
    older[after] = before;
  }

  /** As if one that is in the list were added now. */
  void renew(int member) {
    remove(member);
    add(member);
  }

  void clear() {
    younger[end] = end;
    older[end] = end;
  }
}
