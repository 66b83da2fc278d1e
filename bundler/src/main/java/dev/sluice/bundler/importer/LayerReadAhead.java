package dev.sluice.bundler.importer;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.FfnWeights;
import java.lang.foreign.Arena;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Reads the FFN of each layer, checks and turns it on a thread of its own, one layer ahead of whoever takes them. Holds
 * two layers at most. Used by one thread.
 */
final class LayerReadAhead implements AutoCloseable {
  /** A layer in memory, until closed. */
  record Loaded(Arena arena, FfnWeights weights) implements AutoCloseable {
    @Override
    public void close() {
      arena.close();
    }
  }

  private final Checkpoint checkpoint;
  private final ExecutorService reader =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("sluice-read-ahead").daemon().factory());
  private int nextLayer;
  private Future<Loaded> ahead;

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

  /** The next layer; the caller closes it. */
  Loaded next() {
    Loaded loaded = await(ahead);
    readNext();
    return loaded;
  }

  private Loaded load(int layer) {
    Arena arena = Arena.ofShared();
    try {
      return new Loaded(arena, checkpoint.readFfn(layer, arena));
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  private static Loaded await(Future<Loaded> future) {
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
        await(ahead).close();
      } catch (RuntimeException e) {
        ahead = null;
      }
    }
  }
}
