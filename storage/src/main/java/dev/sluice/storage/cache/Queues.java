package dev.sluice.storage.cache;

/**
 * Some queues that share their members: each of {@code 0 .. members-1} is in at most one of them, and leaves it from any place
 * in constant time. Links lie in two int arrays; nothing is allocated after construction. Not thread-safe.
 */
final class Queues {
  private static final int NOWHERE = -1;

  private final int members;
  private final int[] younger; // members, then each queue's own link: its oldest
  private final int[] older; // members, then each queue's own link: its youngest
  private final int[] size;

  /** @param queues how many */
  Queues(int members, int queues) {
    this.members = members;
    younger = new int[members + queues];
    older = new int[members + queues];
    size = new int[queues];
    clear();
  }

  static long heapBytes(long members) {
    return 2 * Integer.BYTES * members;
  }

  int size(int queue) {
    return size[queue];
  }

  /** The member that has been in the queue for longest; -1 if it is empty. */
  int oldest(int queue) {
    int oldest = younger[members + queue];
    return oldest < members ? oldest : NOWHERE;
  }

  /** Puts a member that is in no queue behind all others. */
  void add(int queue, int member) {
    int link = members + queue;
    int youngest = older[link];
    older[member] = youngest;
    younger[member] = link;
    younger[youngest] = member;
    older[link] = member;
    size[queue]++;
  }

  /** Takes a member out of the queue that it is in. */
  void remove(int queue, int member) {
    int before = older[member];
    int after = younger[member];
    younger[before] = after;
    older[after] = before;
    size[queue]--;
  }

  /** Puts a member of the queue behind all others. */
  void renew(int queue, int member) {
    remove(queue, member);
    add(queue, member);
  }

  /** Empties all. */
  void clear() {
    for (int queue = 0; queue < size.length; queue++) {
      younger[members + queue] = members + queue;
      older[members + queue] = members + queue;
      size[queue] = 0;
    }
  }
}
