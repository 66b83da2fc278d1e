package dev.sluice.bundler.importer;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.FfnWeights;
import dev.sluice.bundler.checkpoint.RecycledMemory;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Reads the FFN of each layer, checks and turns it on a thread of its own, one layer ahead of whoever takes them. Holds
 * two layers at most. Used by one thread.
 */
final class LayerReadAhead implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final ExecutorService reader =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("sluice-read-ahead").daemon().factory());
  private final RecycledMemory[] memories = {new RecycledMemory(), new RecycledMemory()};
  private int nextLayer;
  private Future<FfnWeights> ahead;

  /** Begins with {@code firstLayer}, if there is one. */
  LayerReadAhead(Checkpoint checkpoint, int firstLayer) {
    this.checkpoint = checkpoint;
    this.nextLayer = firstLayer;
    readNext();
  }

  private void readNext() {
    ahead = null;
    if (nextLayer < checkpoint.spec().layers()) {
      int layer = nextLayer++;
      ahead = reader.submit(() -> load(layer));
    }
  }

  /** The next layer; the one before is gone then. */
  FfnWeights next() {
    FfnWeights loaded = await(ahead);
    readNext();
    return loaded;
  }

  private FfnWeights load(int layer) {
    RecycledMemory memory = memories[layer % 2];
    memory.reset();
    return checkpoint.readFfn(layer, memory);
  }

  private static FfnWeights await(Future<FfnWeights> future) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true; // the read ends by itself, and its memory must not be lost
        } catch (ExecutionException e) {
          switch (e.getCause()) {
            case RuntimeException failure -> throw failure;
            case Error error -> throw error;
            default -> throw new IllegalStateException(e.getCause());
          }
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Waits for a read that is still going on; what it brings, or how it fails, no longer matters. */
  @Override
  public void close() {
    reader.shutdown();
    if (ahead != null) {
      try {
        await(ahead);
      } catch (RuntimeException e) {
        ahead = null;
      }
    }
    for (RecycledMemory memory : memories) {
      memory.close();
    }
  }
}
