package dev.sluice.storage.store;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Says in the journal what the system has, on a thread of its own while more is written; now and then brings it to the
 * device first. Not every time: a device with a cache of its own does nothing else while it flushes. Used by one thread.
 */
final class Keeper implements AutoCloseable {
  private final Duration flushEvery;
  private long flushedNanos = System.nanoTime(); // the thread's

  private final Journal journal; // the thread's
  private final SequentialFile dense;
  private final SequentialFile ffn;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("sluice-keeping").daemon().factory());
  private CompletableFuture<Void> kept = CompletableFuture.completedFuture(null);

  /** @param flushEvery what is kept this long after the last flush is flushed; the first counts from here */
  Keeper(Journal journal, SequentialFile dense, SequentialFile ffn, Duration flushEvery) {
    this.flushEvery = flushEvery;
    this.journal = journal;
    this.dense = dense;
    this.ffn = ffn;
  }

  /** Begins to keep what both files hold; waits until what was kept before is. */
  void keep(List<DenseTensor> tensors, int layers) throws IOException {
    await();
    SequentialFile.Mark denseMark = dense.mark();
    SequentialFile.Mark ffnMark = ffn.mark();
    kept =
        CompletableFuture.runAsync(() -> keep(tensors, layers, denseMark, ffnMark), thread);
  }

  private void keep(
      List<DenseTensor> tensors, int layers, SequentialFile.Mark denseMark,
      SequentialFile.Mark ffnMark) {
    denseMark.written().join();
    ffnMark.written().join();
    Journal.State state =
        new Journal.State(
            tensors, denseMark.bytes(), denseMark.sha256().join(), layers,
            ffnMark.sha256().join());
    try {
      if (System.nanoTime() - flushedNanos < flushEvery.toNanos()) {
        journal.append(state, Journal.Danger.KILL);
      } else {
        dense.force();
        ffn.force();
        journal.append(state, Journal.Danger.POWER_CUT);
        flushedNanos = System.nanoTime();
      }
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  /** Waits until all is kept. */
  void await() throws IOException {
    SequentialFile.join(kept);
  }

  @Override
  public void close() throws IOException {
    thread.close();
    journal.close();
  }
}
