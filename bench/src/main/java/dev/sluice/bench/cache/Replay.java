package dev.sluice.bench.cache;

import dev.sluice.bench.io.ReadList;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Asks a cache for the bundles of one token after the other, as the engine does, and notes what it misses as the requests that
 * the planner makes of it: one batch for each layer, since a layer's reads wait for the layer before.
 */
final class Replay {
  private final ActiveSets sets;
  private final FfnLayout layout;
  private final BundleCache cache;
  private final ReadPlanner planner;
  private final ReadBatch batch;
  private final long[] hits;
  private final long[] misses;
  private final List<Long> tokenNanos = new ArrayList<>();
  private int token;

  /** @param batch memory for a layer's reads; only its size counts */
  Replay(
      ActiveSets sets, FfnLayout layout, BundleCache cache, ReadPlanner.Limits limits,
      ReadBatch batch) {
    this.sets = sets;
    this.layout = layout;
    this.cache = cache;
    this.batch = batch;
    planner = new ReadPlanner(limits);
    hits = new long[(sets.bundles() + 63) >>> 6];
    misses = new long[hits.length];
  }

  /** The requests of the next tokens. */
  ReadList next(int tokens) {
    List<ReadList.Batch> batches = new ArrayList<>();
    for (int end = token + tokens; token < end; token++) {
      long nanos = 0;
      for (int layer = 0; layer < sets.layers(); layer++) {
        nanos += ask(layer);
        plan(layer, batches);
      }
      long started = System.nanoTime();
      cache.endToken();
      tokenNanos.add(nanos + System.nanoTime() - started);
    }
    return new ReadList(batches);
  }

  private long ask(int layer) {
    long started = System.nanoTime();
    cache.split(layer, sets.at(token, layer), hits, misses);
    for (int w = 0; w < hits.length; w++) {
      for (long rest = hits[w]; rest != 0; rest &= rest - 1) {
        if (cache.slotOf(layer, w << 6 | Long.numberOfTrailingZeros(rest)) < 0) {
          throw new IllegalStateException("a resident bundle has no slot");
        }
      }
    }
    for (int w = 0; w < misses.length; w++) {
      for (long rest = misses[w]; rest != 0; rest &= rest - 1) {
        cache.admit(layer, w << 6 | Long.numberOfTrailingZeros(rest));
      }
    }
    return System.nanoTime() - started;
  }

  private void plan(int layer, List<ReadList.Batch> batches) {
    planner.clear();
    for (Part part : layout.layers().get(layer)) {
      for (int w = 0; w < misses.length; w++) {
        for (long rest = misses[w]; rest != 0; rest &= rest - 1) {
          int position = w << 6 | Long.numberOfTrailingZeros(rest);
          planner.want(part.offsetBytes(position), part.strideBytes());
        }
      }
    }
    while (planner.fill(batch)) {
      batches.add(ReadList.Batch.of(batch));
    }
  }

  /** Median time of the cache's own work for the last tokens. */
  double medianMicros(int tokens) {
    long[] nanos = tokenNanos.subList(tokenNanos.size() - tokens, tokenNanos.size()).stream()
        .mapToLong(Long::longValue).sorted().toArray();
    return Arrays.stream(nanos).skip((nanos.length - 1) / 2).findFirst().orElse(0) / 1e3;
  }
}
