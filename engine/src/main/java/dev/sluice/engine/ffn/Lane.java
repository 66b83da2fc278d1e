package dev.sluice.engine.ffn;

import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.CheckedReader;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One batch of reads on its way: a part of the staging memory with a reader of its own. Who fills it says which of a planner's
 * ranges it carries; it is free again when all that it brought has been taken home. One thread fills and starts it, one at a
 * time takes requests, and several may bring home what they took.
 */
final class Lane implements AutoCloseable {
  private final CheckedReader reader;
  private final ReadBatch batch;
  private int firstRange;
  private int endRange;
  private final AtomicInteger taken = new AtomicInteger(); // requests, less those that come again
  private final AtomicInteger home = new AtomicInteger(); // requests that are

  Lane(CheckedReader reader, MemorySegment staging) {
    this.reader = reader;
    batch = new ReadBatch(staging);
    reader.prepare(staging);
  }

  /** Takes as many of the planner's ranges, of which one at least is left, as fit into it. */
  void fill(ReadPlanner planner) {
    firstRange = planner.planned();
    planner.fill(batch, Lanes.MOST_REQUESTS);
    endRange = planner.planned();
    taken.set(0);
    home.set(0);
  }

  /** Starts to read them. */
  void start() {
    reader.start(batch);
  }

  /** Bytes of all its requests. */
  long bytes() {
    long bytes = 0;
    for (int i = 0; i < batch.size(); i++) {
      bytes += batch.lengthBytes(i);
    }
    return bytes;
  }

  int requests() {
    return batch.size();
  }

  /** Waits for one of its requests, of which some are left to take. */
  int take() {
    int request = reader.next();
    taken.incrementAndGet();
    return request;
  }

  /** Whether what a taken request brought is right; if not, it is to be taken again. Several threads may ask at once. */
  boolean check(int request) {
    boolean right = reader.check(request);
    if (!right) {
      taken.decrementAndGet();
    }
    return right;
  }

  /** Requests that were read again, since this was made. */
  long repeats() {
    return reader.repeats();
  }

  /** Whether all requests have been taken. */
  boolean isTaken() {
    return taken.get() == batch.size();
  }

  /** Notes that what one request brought is at home; true with the last. */
  boolean broughtHome() {
    return home.incrementAndGet() == batch.size();
  }

  ReadBatch batch() {
    return batch;
  }

  MemorySegment target() {
    return batch.target();
  }

  /** First range of a request; requests hold ranges in order, so it is found by bisection. */
  int firstRangeOf(int request, ReadPlanner planner) {
    int low = firstRange;
    int high = endRange;
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

  /** The range after the last that it carries. */
  int endRange() {
    return endRange;
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
