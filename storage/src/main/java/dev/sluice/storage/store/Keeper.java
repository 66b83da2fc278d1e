package dev.sluice.storage.store;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Brings what was written to the device and then says so in the journal, on a thread of its own while more is written.
 * Used by one thread.
 */
final class Keeper implements AutoCloseable {
  private final Journal journal; // the thread's
  private final SequentialFile dense;
  private final SequentialFile ffn;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("sluice-keeping").daemon().factory());
  private CompletableFuture<Void> kept = CompletableFuture.completedFuture(null);

  Keeper(Journal journal, SequentialFile dense, SequentialFile ffn) {
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
      dense.force();
      ffn.force();
      journal.append(state);
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  /** Waits until all is kept. */
  void await() throws IOException {
    try {
      kept.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case IOException io -> throw io;
        case RuntimeException failure -> throw failure;
        default -> throw new IllegalStateException(e.getCause());
      }
    }
  }

  @Override
  public void close() throws IOException {
    thread.close();
    journal.close();
  }
}
