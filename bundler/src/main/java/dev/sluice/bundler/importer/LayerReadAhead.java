package dev.sluice.bundler.importer;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.FfnWeights;
import dev.sluice.bundler.checkpoint.RecycledMemory;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Reads the FFN of each layer, checks and turns it, two layers ahead of whoever takes them, each on a thread of its own:
 * one waits for the device while the other turns. Holds three layers at most. Used by one thread.
 */
final class LayerReadAhead implements AutoCloseable {
  private static final int AHEAD = 2;

  private final Checkpoint checkpoint;
  private final ExecutorService reader =
      Executors.newFixedThreadPool(
          AHEAD, Thread.ofPlatform().name("sluice-read-ahead-", 0).daemon().factory());
  private final RecycledMemory[] memories = new RecycledMemory[AHEAD + 1];
  private final Queue<Future<FfnWeights>> ahead = new ArrayDeque<>(); // in the order of layers
  private int nextLayer;

  /** Begins with {@code firstLayer}, if there is one. */
  LayerReadAhead(Checkpoint checkpoint, int firstLayer) {
    this.checkpoint = checkpoint;
    this.nextLayer = firstLayer;
    Arrays.setAll(memories, i -> new RecycledMemory());
    for (int i = 0; i < AHEAD; i++) {
      readNext();
    }
  }

  private void readNext() {
    if (nextLayer < checkpoint.spec().layers()) {
      int layer = nextLayer++;
      ahead.add(reader.submit(() -> load(layer)));
    }
  }

  /** The next layer; the one before is gone then. */
  FfnWeights next() {
    FfnWeights loaded = await(ahead.remove());
    readNext();
    return loaded;
  }

  private FfnWeights load(int layer) {
    RecycledMemory memory = memories[layer % memories.length];
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

  /** Waits for reads that are still going on; what they bring, or how they fail, no longer matters. */
  @Override
  public void close() {
    reader.close();
    for (RecycledMemory memory : memories) {
      memory.close();
    }
  }
}
