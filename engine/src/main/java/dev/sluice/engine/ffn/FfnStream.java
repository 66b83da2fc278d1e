package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.cache.WindowCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * One token's FFN from flash: predict, look up, read what is missing while the rest is computed, compute what lands, then sum
 * columns in neuron order. h of each neuron is computed where its bundle lies, the sum comes last and in a fixed order,
 * so the result depends on the active set alone: not on container, backend, order, window, cache size or arrival.
 *
 * <p>With look-ahead, the next layer's predictor is asked before this layer is done, with this layer's input in place of its
 * own, and what it names and is not resident is read meanwhile. What was read so and is named again at its own layer needs
 * no more waiting; what is not, was read in vain and leaves no trace in the cache.
 *
 * <p>A bundle's home is a slot (it stays) or a spill place (it is forgotten with the layer). One thread; owns its readers and
 * its memory until closed; a read in flight is drained before memory goes.
 */
public final class FfnStream implements AutoCloseable {
  /** Memory in which reads land before their bundles are moved home. */
  public static final int STAGING_BYTES = 8 << 20;

  /** The same for what look-ahead reads, twice: one layer's while the next one's is on its way. */
  public static final int AHEAD_STAGING_BYTES = 4 << 20;

  /** Both, and two of the latter. */
  public static final int STAGING_ALL_BYTES = STAGING_BYTES + 2 * AHEAD_STAGING_BYTES;

  /** Whether bundles are read before their layer's own input is known. */
  public enum LookAhead {
    NONE,
    NEXT_LAYER
  }

  private final ModelSpec spec;
  private final Model model;
  private final FfnLayout layout;
  private final ActivePredictor predictor;
  private final int[][] positionOf;
  private final int[][] neuronAt;
  private final WindowCache cache;
  private final Ledger ledger;

  private final Arena arena = Arena.ofShared();
  private final List<BundleFetch> fetches = new ArrayList<>();
  private final BundleFetch demand;
  private final BundleFetch[] ahead; // of even and of odd layers; empty without look-ahead
  private final NeuronPass pass;
  private final int slots;
  private final int bundleBytes;

  private final byte[] predicted;
  private final long[] wanted; // bitmaps in disk order
  private final long[] hits;
  private final long[] misses;
  private final long[] foreseen;
  private final float[] aheadInput;
  private final PredictorScratch predictorScratch = new PredictorScratch();
  private int spilled; // places taken in this layer
  private final MemorySegment homes; // slots, then places for a layer's spilled bundles
  private int[] hot; // bundles to pin before the first token; null once they are
  private boolean whole = true; // false from the start of a layer to its end: a fault between leaves slots unfilled

  /**
   * @param columnNorms layer × neuron; may be zeros with the exact and gate rules
   * @param readers opens readers on the store's FFN file
   * @param hotBundles layer · feedForward + disk position; the first of them, as many as {@code residency} says, are pinned
   */
  public FfnStream(
      Store store, Model model, ActivePredictor predictor, Activity activity, float[][] columnNorms,
      Supplier<BlockReader> readers,
      Residency residency, int[] hotBundles, ReadPlanner.Limits limits, LookAhead lookAhead,
      Workers workers, Ledger ledger) {
    this.spec = store.spec();
    this.model = model;
    this.layout = store.ffn();
    this.predictor = predictor;
    this.ledger = ledger;
    this.slots = residency.slots();
    this.bundleBytes = spec.bundleBytes();
    int neurons = spec.feedForward();
    int layers = spec.layers();
    positionOf = new int[layers][];
    neuronAt = new int[layers][];
    for (int layer = 0; layer < layers; layer++) {
      neuronAt[layer] = store.order(layer);
      positionOf[layer] = LayerStream.inverse(neuronAt[layer]);
    }
    cache =
        new WindowCache(
            new WindowCache.Shape(layers, neurons), residency.segmentBundles(), slots,
            residency.window());
    int words = (neurons + 63) / 64;
    predicted = new byte[neurons];
    wanted = new long[words];
    hits = new long[words];
    misses = new long[words];
    foreseen = new long[words];
    aheadInput = new float[spec.hidden()];
    hot = Arrays.copyOf(hotBundles, Math.min(residency.pinned(), hotBundles.length));
    try {
      homes = AnonymousMemory.map(((long) slots + neurons) * bundleBytes, arena);
      pass = new NeuronPass(model, activity, columnNorms, homes, workers);
      demand = fetch(store, readers, limits, STAGING_BYTES, homes);
      ahead = new BundleFetch[lookAhead == LookAhead.NONE ? 0 : 2];
      for (int i = 0; i < ahead.length; i++) {
        ahead[i] = fetch(store, readers, limits, AHEAD_STAGING_BYTES, homes);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private BundleFetch fetch(Store store, Supplier<BlockReader> readers, ReadPlanner.Limits limits,
      int stagingBytes, MemorySegment homes) {
    BlockReader reader = readers.get();
    try {
      BundleFetch fetch =
          new BundleFetch(store, reader, limits, stagingBytes, homes, arena, ledger);
      fetches.add(fetch);
      return fetch;
    } catch (RuntimeException | Error e) {
      reader.close();
      throw e;
    }
  }

  /** RAM that slots take with the places for bundles of one layer that find none, before {@link #pin} not yet. */
  public static long homesBytes(ModelSpec spec, int slots) {
    return AnonymousMemory.residentBytes(((long) slots + spec.feedForward()) * spec.bundleBytes());
  }

  /** Bytes on disk of one bundle with its padding: what a slot is charged at. */
  public static long widthBytes(FfnLayout layout) {
    return widthOf(layout.layers().getFirst());
  }

  /**
   * Reads the hottest bundles into slots for good, the first time it is called. Until then no slot takes memory, so that a
   * prompt before the first single token may use it. Not part of any token's ledger.
   */
  public void pin() {
    if (hot == null) {
      return;
    }
    AnonymousMemory.populate(homes);
    int neurons = spec.feedForward();
    for (int layer = 0; layer < spec.layers(); layer++) {
      Arrays.fill(misses, 0);
      for (int bundle : hot) {
        if (bundle / neurons == layer) {
          set(misses, bundle % neurons);
        }
      }
      demand.plan(layer, misses);
      for (int m = 0; m < demand.count(); m++) {
        demand.home(m, homeOffsetBytes(cache.pin(layer, demand.position(m))));
      }
      while (demand.start()) {
        demand.land(PINNED);
      }
    }
    hot = null;
    ledger.clear();
  }

  private static final BundleFetch.Landing PINNED =
      new BundleFetch.Landing() {
        @Override
        public void bundle(int index) {}

        @Override
        public void requestEnds() {}
      };

  /**
   * Adds one layer's FFN output for the current token to its hidden state.
   *
   * @param normed the FFN's input, {@code hidden} elements
   * @param x the hidden state, {@code hidden} elements
   * @throws FaultException if a read fails or a page does not match its checksum, and at every call after that
   */
  public void apply(int layer, float[] normed, float[] x) {
    if (!whole) {
      throw new FaultException(
          layout.file(), "an earlier read of it failed, so what is cached is not whole",
          "start again");
    }
    whole = false;
    lookUp(layer, normed);
    pass.begin(layer, normed);
    boolean reading = demand.start();
    if (ahead.length > 0 && layer + 1 < spec.layers()) {
      readAhead(layer + 1, x);
    }
    computeHits(layer);
    if (ahead.length > 0 && aheadOf(layer).layer() == layer) {
      aheadOf(layer).land(new Computing(layer, aheadOf(layer)));
    }
    Computing computing = new Computing(layer, demand);
    while (reading) {
      demand.land(computing);
      reading = demand.start();
    }
    accumulate(layer, x);
    whole = true;
  }

  private BundleFetch aheadOf(int layer) {
    return ahead[layer & 1];
  }

  /** Predicts, and parts what is named into resident, foreseen (on its way or there) and what must be read. */
  private void lookUp(int layer, float[] normed) {
    long start = System.nanoTime();
    predictor.predict(layer, normed, 0, 1, predicted, predictorScratch);
    int named = toDiskOrder(layer);
    long predictedAt = System.nanoTime();
    cache.split(layer, wanted, hits, misses);
    spilled = 0;
    int missing = count(misses);
    int known = ahead.length > 0 && aheadOf(layer).layer() == layer ? claimForeseen(layer) : 0;
    demand.plan(layer, misses);
    for (int m = 0; m < demand.count(); m++) {
      demand.home(m, admit(layer, demand.position(m)));
    }
    ledger.add(layer, Quantity.PREDICT_NANOS, predictedAt - start);
    ledger.add(layer, Quantity.CACHE_NANOS, System.nanoTime() - predictedAt);
    ledger.add(layer, Quantity.PREDICTED, named);
    ledger.add(layer, Quantity.HITS, named - missing);
    ledger.add(layer, Quantity.MISSES, missing);
    ledger.add(layer, Quantity.FORESEEN, known);
  }

  /** Gives those of the bundles read ahead a home that are wanted, and takes them out of the misses. */
  private int claimForeseen(int layer) {
    BundleFetch fetch = aheadOf(layer);
    int known = 0;
    int vain = 0;
    for (int m = 0; m < fetch.count() && fetch.isStarted(m); m++) {
      int position = fetch.position(m);
      if ((misses[position >>> 6] >>> position & 1) != 0) {
        misses[position >>> 6] &= ~(1L << position);
        fetch.home(m, admit(layer, position));
        known++;
      } else {
        vain++;
      }
    }
    ledger.add(layer, Quantity.READ_IN_VAIN, vain);
    return known;
  }

  private long admit(int layer, int position) {
    int slot = cache.admit(layer, position);
    return homeOffsetBytes(slot >= 0 ? slot : slots + spilled++);
  }

  /** Starts reading what the next layer is likely to name, judged by the hidden state before this layer's output. */
  private void readAhead(int next, float[] x) {
    long start = System.nanoTime();
    model.normFfn(next, x, 0, 1, aheadInput, 0);
    predictor.foresee(next, aheadInput, predicted, predictorScratch);
    toDiskOrder(next);
    cache.absent(next, wanted, foreseen);
    ledger.add(next, Quantity.PREDICT_NANOS, System.nanoTime() - start);
    aheadOf(next).plan(next, foreseen);
    aheadOf(next).start();
  }

  /** Computes bundles as they come home. */
  private final class Computing implements BundleFetch.Landing {
    private final int layer;
    private final BundleFetch fetch;

    Computing(int layer, BundleFetch fetch) {
      this.layer = layer;
      this.fetch = fetch;
    }

    @Override
    public void bundle(int index) {
      pass.add(neuronAt[layer][fetch.position(index)], fetch.home(index));
    }

    @Override
    public void requestEnds() {
      long started = System.nanoTime();
      ledger.add(layer, Quantity.BYTES_USED_OF_READ,
          pass.compute() * widthOf(layout.layers().get(layer)));
      ledger.add(layer, Quantity.COMPUTE_NANOS, System.nanoTime() - started);
    }
  }

  /** Token boundary: slots may change hands. */
  public void endToken() {
    long started = System.nanoTime();
    cache.endToken();
    // The boundary belongs to no layer; it is booked under the last.
    ledger.add(spec.layers() - 1, Quantity.CACHE_NANOS, System.nanoTime() - started);
  }

  private int toDiskOrder(int layer) {
    Arrays.fill(wanted, 0);
    int named = 0;
    int[] positions = positionOf[layer];
    for (int i = 0; i < positions.length; i++) {
      if (predicted[i] != 0) {
        set(wanted, positions[i]);
        named++;
      }
    }
    return named;
  }

  private static void set(long[] bitmap, int bit) {
    bitmap[bit >>> 6] |= 1L << bit;
  }

  private static int count(long[] bitmap) {
    int count = 0;
    for (long word : bitmap) {
      count += Long.bitCount(word);
    }
    return count;
  }

  private void computeHits(int layer) {
    long started = System.nanoTime();
    for (int w = 0; w < hits.length; w++) {
      for (long bits = hits[w]; bits != 0; bits &= bits - 1) {
        int position = w * 64 + Long.numberOfTrailingZeros(bits);
        pass.add(neuronAt[layer][position], homeOffsetBytes(cache.slotOf(layer, position)));
      }
    }
    pass.compute();
    ledger.add(layer, Quantity.COMPUTE_NANOS, System.nanoTime() - started);
  }

  private long homeOffsetBytes(int home) {
    return (long) home * bundleBytes;
  }

  private void accumulate(int layer, float[] x) {
    long started = System.nanoTime();
    int fired = pass.finish(x);
    ledger.add(layer, Quantity.ACTIVE, fired);
    ledger.add(layer, Quantity.BYTES_USED, fired * widthOf(layout.layers().get(layer)));
    ledger.add(layer, Quantity.COMPUTE_NANOS, System.nanoTime() - started);
  }

  private static long widthOf(List<Part> parts) {
    long width = 0;
    for (int k = 0; k < parts.size(); k++) {
      width += parts.get(k).strideBytes();
    }
    return width;
  }

  /** One line about the reader, for a person. */
  public String describeReader() {
    return demand.describeReader();
  }

  @Override
  public void close() {
    fetches.forEach(BundleFetch::close);
    arena.close();
  }
}
