package dev.sluice.bench.papers;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;

/**
 * Reads from a store's file what a list of active sets asks for: layer after layer as a decoding engine would, merged by the
 * product's planner, with the product's reader. What bytes hold does not matter to how long they take, so orders need not be
 * written: neurons are looked up at the place that an order gives them. One thread.
 */
final class MissReplay implements AutoCloseable {
  private static final long STAGING_BYTES = 64L << 20;
  private static final long STAGING_ALIGNMENT_BYTES = 2L << 20;

  private final Store store;
  private final BlockReader reader;
  private final ReadPlanner planner;
  private final Arena arena = Arena.ofConfined();
  private final ReadBatch batch;

  /** Sums over tokens. */
  record Reads(long tokens, long wantedBundles, long bytes, long requests, double millis) {
    static final Reads NONE = new Reads(0, 0, 0, 0, 0);

    Reads plus(Reads other) {
      return new Reads(tokens + other.tokens, wantedBundles + other.wantedBundles,
          bytes + other.bytes, requests + other.requests, millis + other.millis);
    }
  }

  /**
   * @param store stays the caller's
   * @param reader of its FFN file; closed with this
   */
  MissReplay(Store store, BlockReader reader, ReadPlanner.Limits limits) {
    this.store = store;
    this.reader = reader;
    this.planner = new ReadPlanner(limits);
    this.batch = new ReadBatch(arena.allocate(STAGING_BYTES, STAGING_ALIGNMENT_BYTES));
    reader.prepare(batch.target());
  }

  /**
   * Reads for tokens {@code from} to {@code end}.
   *
   * @param layers active sets
   * @param orders neuron at each place, by layer
   * @param windowTokens bundles used by so many tokens before are in RAM; 0 keeps none. At the text's begin all are missing
   */
  Reads run(List<Activity> layers, List<int[]> orders, int windowTokens, int from, int end) {
    Reads sum = Reads.NONE;
    for (int token = from; token < end; token++) {
      for (int layer = 0; layer < layers.size(); layer++) {
        sum = sum.plus(layer(layers.get(layer), layer, orders.get(layer), windowTokens, token));
      }
    }
    return new Reads(end - from, sum.wantedBundles, sum.bytes, sum.requests, sum.millis);
  }

  private Reads layer(Activity sets, int layer, int[] order, int windowTokens, int token) {
    long[] wanted = missing(sets, windowTokens, token);
    planner.clear();
    long bundles = 0;
    for (Part part : store.ffn().layers().get(layer)) {
      for (int place = 0; place < order.length; place++) {
        if ((wanted[order[place] >>> 6] >>> order[place] & 1) != 0) {
          planner.want(part.offsetBytes(place), part.strideBytes());
          bundles++;
        }
      }
    }
    long bytes = 0;
    long requests = 0;
    long nanos = 0;
    while (planner.fill(batch)) {
      requests += batch.size();
      for (int i = 0; i < batch.size(); i++) {
        bytes += batch.lengthBytes(i);
      }
      long start = System.nanoTime();
      reader.start(batch);
      while (reader.next() >= 0) {
        // Whatever comes first: nothing is computed here.
        Thread.onSpinWait();
      }
      nanos += System.nanoTime() - start;
    }
    return new Reads(0, bundles, bytes, requests, nanos / 1e6);
  }

  /** A token's active neurons that none of the tokens before used. */
  static long[] missing(Activity sets, int windowTokens, int token) {
    long[] wanted = new long[sets.words()];
    Arrays.setAll(wanted, w -> sets.word(token, w));
    for (int back = 1; back <= Math.min(windowTokens, token); back++) {
      for (int w = 0; w < wanted.length; w++) {
        wanted[w] &= ~sets.word(token - back, w);
      }
    }
    return wanted;
  }

  @Override
  public void close() {
    reader.close();
    arena.close();
  }
}
