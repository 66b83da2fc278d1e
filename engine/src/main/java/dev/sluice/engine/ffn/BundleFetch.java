package dev.sluice.engine.ffn;

import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.PageChecksums;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Brings bundles of one layer from flash: plans requests, reads them into staging memory, verifies every page, moves
 * bundles home as they land, and counts it all in the ledger. One set of bundles at a time, by one thread; only what lands
 * may be taken by several at once. Owns its reader.
 */
final class BundleFetch implements AutoCloseable {
  private static final int PAGE = PageChecksums.PAGE_BYTES;

  /** The home of a bundle that is read in vain. */
  static final long NOWHERE = -1;

  private final Store store;
  private final FfnLayout layout;
  private final BlockReader reader;
  private final ReadPlanner planner;
  private final ReadBatch batch;
  private final MemorySegment homes;
  private final Ledger ledger;

  private final int[] position;
  private final long[] home;
  private final AtomicIntegerArray pending; // parts still to come; unused where there is one
  private int layer = -1;
  private int count;
  private int firstRange; // of the batch in flight
  private boolean inFlight; // there are requests that nobody has taken; under the reader's lock while they land
  private long requestsBefore;
  private long bytesBefore;

  /** Hears of bundles that have landed whole, from each thread that takes requests. */
  interface Landing {
    /** Bundles {@code first} to {@code first + count} − 1 are at their homes, or were read in vain if they have none. */
    void bundles(int first, int count);
  }

  /**
   * @param reader open on the store's FFN file; taken over
   * @param staging bytes in which reads land
   * @param homes where bundles go
   * @param arena owns the staging memory; must outlive this
   */
  BundleFetch(Store store, BlockReader reader, ReadPlanner.Limits limits, long stagingBytes,
      MemorySegment homes, Arena arena, Ledger ledger) {
    this.store = store;
    this.layout = store.ffn();
    this.reader = reader;
    this.homes = homes;
    this.ledger = ledger;
    planner = new ReadPlanner(limits);
    int neurons = store.spec().feedForward();
    position = new int[neurons];
    home = new long[neurons];
    pending = new AtomicIntegerArray(layout.layers().getFirst().size() > 1 ? neurons : 0);
    batch = new ReadBatch(AnonymousMemory.map(Math.max(stagingBytes, widestRead(layout)), arena));
    reader.prepare(batch.target());
  }

  private static long widestRead(FfnLayout layout) {
    long widest = 0;
    for (List<Part> parts : layout.layers()) {
      for (Part part : parts) {
        widest = Math.max(widest, part.strideBytes());
      }
    }
    return (widest / PAGE + 2) * PAGE;
  }

  /**
   * Wants the bundles of a bitmap in disk order; none of them has a home yet, and whoever has none is read in vain.
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
    Arrays.fill(home, 0, count, NOWHERE);
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

  /** Whether all of a bundle is among what was started so far. */
  boolean isStarted(int index) {
    int parts = layout.layers().get(layer).size();
    return (parts - 1) * count + index < planner.planned();
  }

  /** Gives a bundle its place in the homes; to be known before the bundle lands. */
  void home(int index, long offsetBytes) {
    home[index] = offsetBytes;
  }

  long home(int index) {
    return home[index];
  }

  /** Starts reading as many of the bundles that are left as staging holds; false if none are. */
  boolean start() {
    long started = System.nanoTime();
    firstRange = planner.planned();
    requestsBefore = reader.counters().requests();
    bytesBefore = reader.counters().bytes();
    inFlight = planner.fill(batch);
    if (inFlight) {
      reader.start(batch);
    }
    ledger.spent(layer, Quantity.SUBMIT_NANOS, started, System.nanoTime());
    return inFlight;
  }

  /**
   * Takes one request of what {@link #start} started, waiting for it if need be, and brings its bundles home. Several threads
   * may take at once.
   *
   * @return false if all have been taken; the last may still be on their way home by other threads' hands
   */
  private boolean landOne(Landing landing) {
    long waiting = System.nanoTime();
    int request;
    synchronized (reader) {
      request = inFlight ? reader.next() : -1;
      inFlight = request >= 0;
    }
    long landed = System.nanoTime();
    ledger.spent(layer, Quantity.WAIT_NANOS, waiting, landed);
    if (request < 0) {
      return false;
    }
    store
        .ffnChecksums()
        .verify(
            layout.file(), batch.fileOffsetBytes(request), batch.target(),
            batch.targetOffsetBytes(request), batch.lengthBytes(request));
    List<Part> parts = layout.layers().get(layer);
    int from = firstRangeOf(request);
    int to = from;
    while (to < planner.planned() && planner.requestOf(to) == request) {
      bringHome(parts, to++);
    }
    ledger.spent(layer, Quantity.MEMORY_NANOS, landed, System.nanoTime());
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

  /** Takes requests until there are none left to take. */
  void landAll(Landing landing) {
    while (landOne(landing)) {
      // each call takes one
    }
  }

  /** Counts what {@link #start} started, when all of it has landed. */
  void ended() {
    ledger.add(layer, Quantity.REQUESTS, reader.counters().requests() - requestsBefore);
    ledger.add(layer, Quantity.BYTES_READ, reader.counters().bytes() - bytesBefore);
    requestsBefore = reader.counters().requests();
    bytesBefore = reader.counters().bytes();
  }

  /** Ranges of a batch lie in request order: the first of a request is found by bisection. */
  private int firstRangeOf(int request) {
    int low = firstRange;
    int high = planner.planned();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (planner.requestOf(middle) < request) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private void bringHome(List<Part> parts, int range) {
    Part part = parts.get(range / count);
    int m = range % count;
    if (home[m] != NOWHERE) {
      MemorySegment.copy(batch.target(), planner.targetOffsetBytes(batch, range), homes,
          home[m] + part.offsetInBundleBytes(), part.bytes());
    }
  }

  /** One line about the reader, for a person. */
  String describeReader() {
    return reader.describe();
  }

  /** Drains what is in flight. */
  @Override
  public void close() {
    reader.close();
  }
}
