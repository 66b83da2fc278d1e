package dev.sluice.bench.io;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.cache.WindowCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.OnePercentTargets;
import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceReader;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What the engine would ask of the device for the tokens of a trace: neurons active by the output rule at the store's 1 %
 * target, less what half of the bundles in slots holds (nine tenths of them the most frequent, the rest a window), merged as
 * by default. One batch for each layer of each token, since a layer's reads wait for the layer before.
 */
final class MissLists {
  private static final double SLOT_SHARE = 0.5;
  private static final double PINNED_SHARE = 0.9;
  private static final int WARM_TOKENS = 64;
  private static final long STAGING_BYTES = 64L << 20;

  private MissLists() {}

  /**
   * @param store bundled from the trace
   * @param trace of its model
   * @param tokens how many, after those that only fill the window
   */
  static ReadList of(Store store, TraceReader trace, int tokens, ReadPlanner.Limits limits) {
    int layers = store.spec().layers();
    int neurons = store.spec().feedForward();
    if (trace.header().layers() != layers || trace.header().neurons() != neurons) {
      throw new BadInputException("--trace", "is of another model than --store",
          "give a trace of the store's model");
    }
    float[] thresholds = thresholds(store);
    WindowCache cache = cache(store);
    List<ReadList.Batch> batches = new ArrayList<>();
    ReadPlanner planner = new ReadPlanner(limits);
    int words = (neurons + 63) / 64;
    long[] active = new long[words];
    long[] hits = new long[words];
    long[] misses = new long[words];
    try (Arena arena = Arena.ofConfined()) {
      Chunks chunks = new Chunks(trace);
      ReadBatch batch = new ReadBatch(arena.allocate(STAGING_BYTES));
      int last = Math.min(trace.header().tokens(), WARM_TOKENS + tokens);
      for (int token = 0; token < last; token++) {
        for (int layer = 0; layer < layers; layer++) {
          chunks.active(layer, token, thresholds[layer], store.order(layer), active);
          cache.split(layer, active, hits, misses);
          planner.clear();
          for (Part part : store.ffn().layers().get(layer)) {
            for (int position : positions(misses).toArray()) {
              planner.want(part.offsetBytes(position), part.strideBytes());
            }
          }
          for (int position : positions(misses).toArray()) {
            cache.admit(layer, position);
          }
          while (planner.fill(batch)) {
            if (token >= WARM_TOKENS) {
              batches.add(ReadList.Batch.of(batch));
            }
          }
        }
        cache.endToken();
      }
    }
    return new ReadList(batches);
  }

  private static float[] thresholds(Store store) {
    byte[] curves = store.blob(StoreKeys.curve(ActiveRule.OUTPUT)).orElseThrow(
        () -> new BadInputException(store.folder(), "has no thresholds", "bundle it from a trace"));
    double target = store.blob(StoreKeys.TARGETS)
        .map(json -> OnePercentTargets.decode(json).of(ActiveRule.OUTPUT).orElse(0.1)).orElse(0.1);
    return CettCurve.thresholdsAt(CettCurve.decode(curves), target);
  }

  private static WindowCache cache(Store store) {
    int layers = store.spec().layers();
    int neurons = store.spec().feedForward();
    int slots = (int) (SLOT_SHARE * layers * neurons);
    WindowCache cache =
        new WindowCache(new WindowCache.Shape(layers, neurons), WindowCache.DEFAULT_SEGMENT_BUNDLES,
            slots, Window.auto());
    float[] frequency = Floats.fromBytes(store.blob(StoreKeys.FREQUENCY).orElseThrow(
        () -> new BadInputException(store.folder(), "has no frequencies",
            "bundle it from a trace")));
    IntStream.range(0, layers * neurons).boxed()
        .sorted((a, b) -> Float.compare(
            frequency[b / neurons * neurons + store.order(b / neurons)[b % neurons]],
            frequency[a / neurons * neurons + store.order(a / neurons)[a % neurons]]))
        .limit((long) (PINNED_SHARE * slots))
        .forEach(bundle -> cache.pin(bundle / neurons, bundle % neurons));
    return cache;
  }

  private static IntStream positions(long[] bitmap) {
    return IntStream.range(0, 64 * bitmap.length)
        .filter(p -> (bitmap[p >>> 6] >>> p & 1) != 0);
  }

  /** The chunk that was read last of each layer. */
  private static final class Chunks {
    private final TraceReader trace;
    private final TraceChunk[] chunks;
    private final int[] loaded;

    Chunks(TraceReader trace) {
      this.trace = trace;
      chunks = new TraceChunk[trace.header().layers()];
      loaded = new int[chunks.length];
    }

    /** Marks the disk positions of a token's active neurons. */
    void active(int layer, int token, float threshold, int[] order, long[] bitmap) {
      int index = token / trace.header().chunkTokens();
      if (chunks[layer] == null || loaded[layer] != index) {
        chunks[layer] = trace.read(layer, index, chunks[layer]);
        loaded[layer] = index;
      }
      TraceChunk chunk = chunks[layer];
      int row = token - trace.header().firstToken(index);
      Arrays.fill(bitmap, 0);
      for (int position = 0; position < order.length; position++) {
        int neuron = order[position];
        boolean fires = (chunk.masks()[row * chunk.words() + (neuron >>> 6)] >>> neuron & 1) != 0;
        if (fires && chunk.magnitudes()[row * chunk.neurons() + neuron] >= threshold) {
          bitmap[position >>> 6] |= 1L << position;
        }
      }
    }
  }
}
