package dev.sluice.bundler.importer;

import dev.sluice.bundler.checkpoint.RecycledMemory;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/**
 * Reads one thing after another, two ahead of whoever takes them, each on a thread of its own: one waits for the device while
 * the other checks and turns. Holds three at most. Used by one thread.
 *
 * @param <T> what is read
 */
final class ReadAhead<T> implements AutoCloseable {
  private static final int AHEAD = 2;

  private final List<Function<SegmentAllocator, T>> reads;
  private final ExecutorService readers =
      Executors.newFixedThreadPool(
          AHEAD, Thread.ofPlatform().name("sluice-read-ahead-", 0).daemon().factory());
  private final RecycledMemory[] memories = new RecycledMemory[AHEAD + 1];
  private final Queue<Future<T>> ahead = new ArrayDeque<>(); // in the order of reads
  private int begun;

  /**
   * Begins with the first ones.
   *
   * @param reads each gets memory that is its own until two more are taken
   */
  ReadAhead(List<Function<SegmentAllocator, T>> reads) {
    this.reads = List.copyOf(reads);
    Arrays.setAll(memories, i -> new RecycledMemory());
    for (int i = 0; i < AHEAD; i++) {
      beginNext();
    }
  }

  private void beginNext() {
    if (begun < reads.size()) {
      int index = begun++;
      ahead.add(readers.submit(() -> read(index)));
    }
  }

  private T read(int index) {
    RecycledMemory memory = memories[index % memories.length];
    memory.reset();
    return reads.get(index).apply(memory);
  }

  /** The next one; the one before is gone then. */
  T next() {
    T read = FutureResult.of(ahead.remove());
    beginNext();
    return read;
  }

  /** Waits for reads that are still going on; what they bring, or how they fail, no longer matters. */
  @Override
  public void close() {
    readers.close();
    for (RecycledMemory memory : memories) {
      memory.close();
    }
  }
}
