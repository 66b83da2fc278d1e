package dev.sluice.engine.ffn;

import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.Store;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Brings bundles of one layer from flash: plans requests, reads them into lanes of staging memory, verifies every page, moves
 * bundles home as they land, and counts it all in the ledger. A lane that has been emptied is filled again at once, with what
 * comes after when nothing is left. One set of bundles at a time, planned by one thread; what lands may be taken by several
 * at once. Owns nothing.
 */
final class BundleFetch {
  private final FfnLayout layout;
  private final Lanes lanes;
  private final ReadPlanner planner; // what of it changes while reads are on, under this object's lock
  private final MemorySegment homes;
  private final Ledger ledger;

  private final int[] position;
  private final long[] home;
  private final AtomicIntegerArray pending; // parts still to come; unused where there is one
  private int layer = -1;
  private int count;

  private final Object taking = new Object(); // held while a thread waits for a request; before this object's lock
  private final Lane[] inFlight = new Lane[Lanes.COUNT]; // with requests to take, the oldest first; under this object's lock
  private int inFlightCount;
  private int starting; // lanes that are filled and not yet in flight
  private volatile boolean isOpen; // there are requests to take, or there will be none; written under this object's lock
  private long requests; // started
  private long bytes;
  private BundleFetch next; // gets what lanes this one no longer needs
  private volatile boolean failed;

  /** Hears of bundles that have landed whole, from each thread that takes requests. */
  interface Landing {
    /** Bundles {@code first} to {@code first + count} − 1 are at their homes. */
    void bundles(int first, int count);
  }

  /**
   * @param lanes may be shared with another fetch that gives way
   * @param homes where bundles go
   */
  BundleFetch(Store store, Lanes lanes, ReadPlanner.Limits limits, MemorySegment homes,
      Ledger ledger) {
    this.layout = store.ffn();
    this.lanes = lanes;
    this.homes = homes;
    this.ledger = ledger;
    planner = new ReadPlanner(limits);
    int neurons = store.spec().feedForward();
    position = new int[neurons];
    home = new long[neurons];
    pending = new AtomicIntegerArray(layout.layers().getFirst().size() > 1 ? neurons : 0);
  }

  /**
   * Wants the bundles of a bitmap in disk order; each is to be given a home before it lands. Nothing comes after them for
   * now.
   *
   * @return how many they are
   */
  int plan(int layer, long[] wanted) {
    this.layer = layer;
    count = 0;
    for (int w = 0; w < wanted.length; w++) {
      for (long bits = wanted[w]; bits != 0; bits &= bits - 1) {
        position[count++] = w * 64 + Long.numberOfTrailingZeros(bits);
      }
    }
    List<Part> parts = layout.layers().get(layer);
    planner.clear();
    for (int k = 0; k < parts.size(); k++) {
      Part part = parts.get(k);
      for (int m = 0; m < count; m++) {
        planner.want(part.offsetBytes(position[m]), part.strideBytes());
      }
    }
    for (int m = 0; m < Math.min(count, pending.length()); m++) {
      pending.set(m, parts.size());
    }
    next = null;
    settle();
    return count;
  }

  /** The layer whose bundles were wanted last; −1 before. */
  int layer() {
    return layer;
  }

  int count() {
    return count;
  }

  /** Disk position of the index-th bundle. */
  int position(int index) {
    return position[index];
  }

  /** Gives a bundle its place in the homes; to be known before the bundle lands. */
  void home(int index, long offsetBytes) {
    home[index] = offsetBytes;
  }

  long home(int index) {
    return home[index];
  }

  /**
   * Says what is read when all of this has been started; from there on it is.
   *
   * @param next planned, and of the same lanes
   */
  void follow(BundleFetch next) {
    synchronized (this) {
      this.next = next;
    }
    start();
  }

  /** Starts to read what is left, then what follows, as much as there are free lanes for. */
  void start() {
    long started = System.nanoTime();
    Lane lane = fillOne();
    if (lane != null) {
      do {
        startIn(lane);
        lane = fillOne();
      } while (lane != null);
      ledger.spent(layer, Quantity.SUBMIT_NANOS, started, System.nanoTime());
    }
    BundleFetch then = whatFollows();
    if (then != null) {
      then.start();
    }
  }

  /** A lane filled with what is left; null if nothing is, or no lane is free. */
  private synchronized Lane fillOne() {
    Lane lane = failed || isAllPlanned() ? null : lanes.acquire();
    if (lane != null) {
      lane.fill(planner);
      starting++;
      requests += lane.requests();
      bytes += lane.bytes();
    }
    return lane;
  }

  private void startIn(Lane lane) {
    boolean starts = false;
    try {
      lane.start();
      starts = true;
    } finally {
      failed |= !starts;
    }
    synchronized (this) {
      starting--;
      inFlight[inFlightCount++] = lane;
      settle();
    }
  }

  private void settle() {
    isOpen = inFlightCount > 0 || isAllPlanned() && starting == 0;
  }

  private boolean isAllPlanned() {
    return planner.planned() == planner.size();
  }

  private synchronized BundleFetch whatFollows() {
    return isAllPlanned() ? next : null;
  }

  /**
   * Takes one request of what is wanted, waiting for it if need be, and brings its bundles home. Several threads may take at
   * once; {@link #start} must have been called, or be about to be by another thread.
   *
   * @return false if all have been taken; the last may still be on their way home by other threads' hands
   */
  private boolean landOne(Landing landing) {
    boolean lands = false;
    try {
      boolean landed = land(landing);
      lands = true;
      return landed;
    } finally {
      failed |= !lands; // others must not wait for what this thread had in hand
    }
  }

  private boolean land(Landing landing) {
    long waiting = System.nanoTime();
    Lane lane;
    int request;
    synchronized (taking) {
      lane = awaitLane();
      request = lane == null ? -1 : lane.take();
      if (lane != null) {
        removeIfTaken();
      }
    }
    long landed = System.nanoTime();
    ledger.spent(layer, Quantity.WAIT_NANOS, waiting, landed);
    if (lane == null) {
      return false;
    }
    boolean right = isRight(lane, request);
    long checked = System.nanoTime();
    ledger.spent(layer, Quantity.CHECK_NANOS, landed, checked);
    if (!right) {
      return true;
    }
    List<Part> parts = layout.layers().get(layer);
    int from = lane.firstRangeOf(request, planner);
    int to = from;
    while (to < lane.endRange() && planner.requestOf(to) == request) {
      bringHome(lane, parts, to++);
    }
    ledger.spent(layer, Quantity.MEMORY_NANOS, checked, System.nanoTime());
    emptied(lane);
    if (parts.size() == 1) {
      landing.bundles(from, to - from);
    } else {
      for (int range = from; range < to; range++) {
        int m = range % count;
        if (pending.decrementAndGet(m) == 0) {
          landing.bundles(m, 1);
        }
      }
    }
    return true;
  }

  /** The oldest lane with requests to take; null when there will be none. */
  private Lane awaitLane() {
    while (!failed) {
      if (isOpen) {
        synchronized (this) {
          if (isOpen) {
            return inFlightCount > 0 ? inFlight[0] : null;
          }
        }
      }
      // Others have all lanes in hand, and fill them when they have emptied them; or nobody has started yet.
      Thread.onSpinWait();
    }
    return null;
  }

  private synchronized void removeIfTaken() {
    if (inFlight[0].isTaken()) {
      inFlightCount--;
      System.arraycopy(inFlight, 1, inFlight, 0, inFlightCount);
      settle();
    }
  }

  /** Checks what a request brought. If it must be read again, its lane has a request to take again, and is in flight. */
  private boolean isRight(Lane lane, int request) {
    if (lane.check(request)) {
      return true;
    }
    synchronized (this) {
      for (int i = 0; i < inFlightCount; i++) {
        if (inFlight[i] == lane) {
          return false;
        }
      }
      inFlight[inFlightCount++] = lane;
      settle();
    }
    return false;
  }

  private void emptied(Lane lane) {
    if (lane.broughtHome()) {
      lanes.release(lane);
      start();
    }
  }

  /** Takes requests until there are none left to take. */
  void landAll(Landing landing) {
    while (landOne(landing)) {
      // each call takes one
    }
  }

  /** Counts what was started, when all of it has landed. */
  void ended() {
    ledger.add(layer, Quantity.REQUESTS, requests);
    ledger.add(layer, Quantity.BYTES_READ, bytes);
    ledger.add(layer, Quantity.REPEATS, lanes.newRepeats());
    requests = 0;
    bytes = 0;
  }

  private void bringHome(Lane lane, List<Part> parts, int range) {
    Part part = parts.get(range / count);
    int m = range % count;
    MemorySegment.copy(lane.target(), planner.targetOffsetBytes(lane.batch(), range), homes,
        home[m] + part.offsetInBundleBytes(), part.bytes());
  }

  /** One line about the reader, for a person. */
  String describeReader() {
    return lanes.describeReader();
  }
}
