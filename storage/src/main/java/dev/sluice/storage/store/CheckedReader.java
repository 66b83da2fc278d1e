package dev.sluice.storage.store;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.IoCounters;
import dev.sluice.storage.block.ReadBatch;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/**
 * Reads of the file with the bundles whose bytes are right: a request that the device fails, or whose pages do not match
 * their checksums, is read again, at most {@value #MAX_REPEATS} times; then it is a fault that names the page and what lies
 * in it. So a fault that passes costs time, and one that stays ends the run.
 *
 * <p><b>Use:</b> as a {@link BlockReader}, and {@link #check} for each request that {@link #next} has handed out, before
 * anything is done with its bytes; one that fails the check is handed out again. When {@code next} returns −1 while another
 * thread still checks, that thread asks again.
 *
 * <p><b>Threads:</b> all methods but {@link #check} as those of a reader, one thread at a time. {@code check} may be called by
 * several threads at once, beside one that is in another method.
 */
public final class CheckedReader implements AutoCloseable {
  /** How often one request is read again. */
  public static final int MAX_REPEATS = 3;

  private final Store store;
  private final BlockReader reader;
  private final Checking checking;
  private final PageChecksums checksums;

  private ReadBatch batch;
  private final BitSet handedOut = new BitSet();
  private boolean failing; // the reader has given up the batch: what it owes is read one by one
  private ReadBatch single;
  private long repeats;

  /** Requests to be read again, and how often each has failed. Guarded by itself: {@link #check} adds to it. */
  private final ArrayDeque<Integer> again = new ArrayDeque<>();

  private final Map<Integer, Integer> failures = new HashMap<>(); // guarded by again

  /**
   * Takes over {@code reader}, which is open on the store's FFN file.
   *
   * @throws FaultException if it reads a file of another size, because the store was replaced; it is closed then
   */
  public CheckedReader(Store store, BlockReader reader, Checking checking) {
    this.store = store;
    this.reader = reader;
    this.checking = checking;
    this.checksums = store.ffnChecksums();
    store.otherFfnFile(reader.sizeBytes()).ifPresent(fault -> {
      reader.close();
      throw fault;
    });
  }

  /** As {@link BlockReader#prepare}. */
  public void prepare(MemorySegment target) {
    reader.prepare(target);
  }

  /** As {@link BlockReader#start}. */
  public void start(ReadBatch next) {
    handedOut.clear();
    failing = false;
    synchronized (again) {
      again.clear();
      failures.clear();
    }
    batch = next;
    reader.start(next);
  }

  /**
   * As {@link BlockReader#next}; the bytes are still to be {@link #check}ed.
   *
   * @throws FaultException if a request failed at every attempt; by then everything in flight has been drained
   */
  public int next() {
    if (!failing) {
      try {
        int request = reader.next();
        if (request >= 0) {
          handedOut.set(request);
          return request;
        }
      } catch (FaultException e) {
        oweTheRest();
      }
    }
    return readAgain();
  }

  private void oweTheRest() {
    failing = true;
    synchronized (again) {
      for (int request = handedOut.nextClearBit(0); request < batch.size(); request =
          handedOut.nextClearBit(request + 1)) {
        again.add(request);
      }
    }
  }

  private int readAgain() {
    while (true) {
      Integer request;
      synchronized (again) {
        request = again.poll();
      }
      if (request == null) {
        return -1;
      }
      if (single == null || !single.target().equals(batch.target())) {
        single = new ReadBatch(batch.target());
      }
      single.clear();
      single.add(batch.fileOffsetBytes(request), batch.lengthBytes(request),
          batch.targetOffsetBytes(request));
      repeats++;
      try {
        reader.start(single);
        while (reader.next() >= 0) {
          // there is only one
        }
        return request;
      } catch (FaultException e) {
        failed(request, e);
      }
    }
  }

  /** Puts a request back in the queue, unless it has had its attempts. */
  private void failed(int request, FaultException e) {
    synchronized (again) {
      if (failures.merge(request, 1, Integer::sum) > MAX_REPEATS) {
        again.clear();
        throw e;
      }
      again.addFirst(request);
    }
  }

  /**
   * Compares what a request has brought with its checksums.
   *
   * @return false if it will be handed out again
   * @throws FaultException naming the page, and what lies in it, if it was wrong at every attempt
   */
  public boolean check(int request) {
    if (checking == Checking.NONE) {
      return true;
    }
    MemorySegment target = batch.target();
    long wrong =
        checksums.firstMismatch(
            batch.fileOffsetBytes(request), target, batch.targetOffsetBytes(request),
            batch.lengthBytes(request));
    if (wrong < 0) {
      return true;
    }
    failed(request, store.damagedFfnPage(wrong));
    return false;
  }

  /** Requests that were read again, since this was opened. */
  public long repeats() {
    return repeats;
  }

  /** As {@link BlockReader#counters}: what was read again is in them. */
  public IoCounters counters() {
    return reader.counters();
  }

  /** As {@link BlockReader#describe}. */
  public String describe() {
    return reader.describe() + (checking == Checking.NONE ? "; PAGES ARE NOT CHECKED" : "");
  }

  /** As {@link BlockReader#drain}. */
  public void drain() {
    reader.drain();
    failing = false;
    synchronized (again) {
      again.clear();
    }
  }

  @Override
  public void close() {
    reader.close();
  }
}
