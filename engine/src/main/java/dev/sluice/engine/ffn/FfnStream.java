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
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/**
 * One token's FFN from flash: predict, look up, read what is missing while the rest is computed, compute what lands, then sum
 * columns in neuron order. h of each neuron is computed where its bundle lies, the sum comes last and in a fixed order,
 * so the result depends on the active set alone: not on container, backend, order, window, cache size or arrival.
 *
 * <p>With look-ahead, the predictor is also asked before the layer's attention, with the block's input in place of its own,
 * and what it names and is not resident is read while attention is computed (Deja Vu's predictors take that input too; here
 * it only says what to read). What was read so and is named again needs no more waiting; what is not, was read in vain and
 * leaves no trace in the cache.
 *
 * <p>A bundle's home is a slot (it stays) or a spill place (it is forgotten with the layer). One thread calls, and
 * the team helps it; owns its readers and its memory until closed; a read in flight is drained before memory goes.
 */
public final class FfnStream implements AutoCloseable {
  /** Memory in which reads land before their bundles are moved home. */
  public static final int STAGING_BYTES = 8 << 20;

  /** The same for what look-ahead reads. */
  public static final int AHEAD_STAGING_BYTES = 8 << 20;

  /** Both. */
  public static final int STAGING_ALL_BYTES = STAGING_BYTES + AHEAD_STAGING_BYTES;

  private static final int CHUNK_NEURONS = 64;

  /** Whether bundles are read before their layer's own input is known. */
  public enum LookAhead {
    NONE,
    /** As soon as the input of the layer's block is. */
    BLOCK_INPUT
  }

  private final ModelSpec spec;
  private final Model model;
  private final FfnLayout layout;
  private final ActivePredictor predictor;
  private final int[][] positionOf;
  private final int[][] neuronAt;
  private final WindowCache cache;
  private final Workers workers;
  private final Ledger ledger;

  private final Arena arena = Arena.ofShared();
  private final List<BundleFetch> fetches = new ArrayList<>();
  private final BundleFetch demand;
  private final BundleFetch ahead; // null without look-ahead
  private final NeuronPass pass;
  private final int slots;
  private final int bundleBytes;

  private final byte[] predicted;
  private final long[] named; // bitmaps in disk order
  private final long[] wanted;
  private final long[] hits;
  private final long[] misses;
  private final PredictorScratch predictorScratch = new PredictorScratch();
  private final Foresight foresight;
  private final Round round = new Round();
  private final int spillPlaces;
  private int spilled; // places taken
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
    this.workers = workers;
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
    named = new long[words];
    wanted = new long[words];
    hits = new long[words];
    misses = new long[words];
    foresight = new Foresight(words);
    spillPlaces = spillPlaces(store, residency.spillPlaces());
    hot = Arrays.copyOf(hotBundles, Math.min(residency.pinned(), hotBundles.length));
    try {
      homes = AnonymousMemory.map(((long) slots + spillPlaces) * bundleBytes, arena);
      pass = new NeuronPass(model, activity, columnNorms, homes, workers);
      demand = fetch(store, readers, limits, STAGING_BYTES, homes);
      ahead = lookAhead == LookAhead.NONE ? null
          : fetch(store, readers, limits, AHEAD_STAGING_BYTES, homes);
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
  public static long homesBytes(ModelSpec spec, int slots, int spillPlaces) {
    return AnonymousMemory.residentBytes(((long) slots + spillPlaces) * spec.bundleBytes());
  }

  /**
   * Places that there will be for bundles that find no slot, if so many are asked for: not more than a layer has neurons, and
   * that many where the sum over all must be known before any column counts.
   */
  public static int spillPlaces(Store store, int asked) {
    int neurons = store.spec().feedForward();
    boolean whole = store.denseTensors().stream()
        .anyMatch(tensor -> tensor.name().endsWith(".ffn.sub_norm.weight"));
    return whole ? neurons : Math.min(neurons, Math.max(asked, partNeurons(store.spec())));
  }

  /** Parts of a layer begin at multiples of so many neurons: whole blocks, so that their scales apply once. */
  private static int partNeurons(ModelSpec spec) {
    int block = Math.max(1, spec.bundle().blockNeurons());
    return Math.ceilDiv(Residency.LEAST_SPILL_PLACES, block) * block;
  }

  /**
   * What a slot is charged at: a bundle's bytes, or where they are padded by more than to fill a page, its width on disk, since
   * such a store stands for a wider model.
   */
  public static long slotBytes(Store store) {
    long bytes = store.spec().bundleBytes();
    long width = widthBytes(store.ffn());
    return width - bytes < width / 16 ? bytes : width;
  }

  /** Bytes on disk of one bundle with its padding. */
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
        workers.parallelFor(workers.threads(), _ -> takeAll(demand, PINNED));
        demand.ended();
      }
    }
    hot = null;
    ledger.clear();
  }

  private static final BundleFetch.Landing PINNED = (_, _) -> {};

  private static void takeAll(BundleFetch fetch, BundleFetch.Landing landing) {
    while (fetch.landOne(landing)) {
      // each call takes one
    }
  }

  /**
   * Begins to read what a layer is likely to name, judged by its block's input, on a thread of the team; does nothing without
   * look-ahead. To be followed by {@link #apply} of that layer.
   *
   * @param x the hidden state before the layer's attention; may change when this returns
   */
  public void foresee(int layer, float[] x) {
    if (ahead != null) {
      foresight.layer = layer;
      foresight.claimed = false;
      foresight.queued = false;
      System.arraycopy(x, 0, foresight.x, 0, spec.hidden());
      workers.beside(foresight);
    }
  }

  /** What a thread of the team does while the caller computes attention. */
  private final class Foresight implements Runnable {
    private final float[] x = new float[spec.hidden()];
    private final float[] normed = new float[spec.hidden()];
    private final byte[] predicted = new byte[spec.feedForward()];
    private final long[] wanted;
    private final long[] absent;
    private final PredictorScratch scratch = new PredictorScratch();
    private final int[] place = new int[spec.feedForward()]; // in the queue, of each bundle on its way; −1 in vain
    private int layer;
    private boolean claimed;
    private boolean queued;
    private long startNanos;
    private long endNanos;

    Foresight(int words) {
      wanted = new long[words];
      absent = new long[words];
    }

    @Override
    public void run() {
      startNanos = System.nanoTime();
      model.normFfn(layer, x, 0, 1, normed, 0);
      predictor.foresee(layer, normed, predicted, scratch);
      toDiskOrder(layer, predicted, wanted);
      long predictedAt = System.nanoTime();
      cache.absent(layer, wanted, absent);
      ahead.plan(layer, absent);
      ledger.spent(layer, Quantity.PREDICT_NANOS, startNanos, predictedAt);
      ledger.spent(layer, Quantity.CACHE_NANOS, predictedAt, System.nanoTime());
      ahead.start();
      endNanos = System.nanoTime();
    }

    /** Gives those that are wanted a home, and takes them out of the misses. */
    private void claim() {
      int known = 0;
      int vain = 0;
      if (claimed) {
        return; // a layer in parts has the first part's alone
      }
      claimed = true;
      for (int m = 0; m < ahead.count() && ahead.isStarted(m); m++) {
        int position = ahead.position(m);
        place[m] = -1;
        if (isSet(misses, position)) {
          misses[position >>> 6] &= ~(1L << position);
          ahead.home(m, admit(layer, position));
          known++;
        } else {
          vain++;
        }
      }
      ledger.add(layer, Quantity.FORESEEN, known);
      ledger.add(layer, Quantity.READ_IN_VAIN, vain);
    }

    /** Queues what was claimed. */
    private void queue() {
      for (int m = 0; !queued && m < ahead.count() && ahead.isStarted(m); m++) {
        if (ahead.home(m) != BundleFetch.NOWHERE) {
          place[m] = pass.add(neuronAt[layer][ahead.position(m)], ahead.home(m));
        }
      }
      queued = true;
    }
  }

  /** Nanoseconds of the team's time that went into look-ahead since the last {@link #apply}, while attention ran. */
  private long foresightShareNanos() {
    return (foresight.endNanos - foresight.startNanos) / workers.threads();
  }

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
    if (ahead != null) {
      workers.awaitBeside();
      ledger.add(layer, Quantity.ATTENTION_NANOS, -foresightShareNanos());
    }
    predict(layer, normed);
    pass.begin(layer, normed);
    int from = 0;
    do {
      from = takePart(layer, from);
      applyPart(layer);
    } while (from < spec.feedForward());
    pass.finish(x);
    whole = true;
  }

  private void predict(int layer, float[] normed) {
    long start = System.nanoTime();
    predictor.predict(layer, normed, 0, 1, predicted, predictorScratch);
    int count = toDiskOrder(layer, predicted, named);
    ledger.spentByAll(layer, Quantity.PREDICT_NANOS, start, System.nanoTime());
    ledger.add(layer, Quantity.PREDICTED, count);
  }

  /**
   * Leaves in {@code wanted} what is named of neurons {@code from} and on, as many as there are spill places for if none of
   * them finds a slot. Almost always all of them.
   *
   * @return the first neuron of the next part; the number of neurons when this is the last
   */
  private int takePart(int layer, int from) {
    int neurons = spec.feedForward();
    cache.absent(layer, named, misses);
    if (from == 0 && count(misses) <= spillPlaces) {
      System.arraycopy(named, 0, wanted, 0, wanted.length);
      return neurons;
    }
    Arrays.fill(wanted, 0);
    int[] positions = positionOf[layer];
    int taken = 0;
    int next = from;
    while (next < neurons) {
      int end = Math.min(neurons, next + partNeurons(spec));
      int absent = 0;
      for (int i = next; i < end; i++) {
        absent += isSet(misses, positions[i]) ? 1 : 0;
      }
      if (taken + absent > spillPlaces) {
        break;
      }
      for (int i = next; i < end; i++) {
        if (isSet(named, positions[i])) {
          set(wanted, positions[i]);
        }
      }
      taken += absent;
      next = end;
    }
    return next;
  }

  /** Reads, computes and sums what is wanted. */
  private void applyPart(int layer) {
    lookUp(layer);
    queueHits(layer);
    int resident = pass.queued();
    if (ahead != null) {
      foresight.queue();
    }
    int asked = pass.queued();
    for (int m = 0; m < demand.count(); m++) {
      pass.add(neuronAt[layer][demand.position(m)], demand.home(m));
    }
    round.begin(resident, asked);
    do {
      round.run();
    } while (round.readsOn);
    ledger.add(layer, Quantity.BYTES_USED_OF_READ,
        pass.fired(resident, pass.queued()) * widthOf(layout.layers().get(layer)));
    long started = System.nanoTime();
    int fired = pass.sum();
    ledger.add(layer, Quantity.ACTIVE, fired);
    ledger.add(layer, Quantity.BYTES_USED, fired * widthOf(layout.layers().get(layer)));
    ledger.spentByAll(layer, Quantity.COMPUTE_NANOS, started, System.nanoTime());
  }

  /** Parts what is wanted into resident, foreseen (on its way or there) and what must be read. */
  private void lookUp(int layer) {
    long start = System.nanoTime();
    cache.split(layer, wanted, hits, misses);
    spilled = 0;
    int missing = count(misses);
    if (ahead != null) {
      foresight.claim();
    }
    demand.plan(layer, misses);
    for (int m = 0; m < demand.count(); m++) {
      demand.home(m, admit(layer, demand.position(m)));
    }
    ledger.spentByAll(layer, Quantity.CACHE_NANOS, start, System.nanoTime());
    ledger.add(layer, Quantity.HITS, count(hits));
    ledger.add(layer, Quantity.MISSES, missing);
  }

  private long admit(int layer, int position) {
    int slot = cache.admit(layer, position);
    return homeOffsetBytes(slot >= 0 ? slot : slots + spilled++);
  }

  /**
   * One layer's work for the team: ask for what is missing, compute what is resident, then take and compute what lands. Which
   * thread does what is left to chance and leaves no trace in the result.
   */
  private final class Round implements IntConsumer {
    private final BundleFetch.Landing ofAhead = this::foreseenLanded;
    private final BundleFetch.Landing ofDemand = this::landed;
    private int resident; // places in the queue before this are
    private int asked; // those from here on are read on demand
    private int chunks;
    private boolean readsOn; // staging could not take all
    private volatile boolean isAsked;

    void begin(int resident, int asked) {
      this.resident = resident;
      this.asked = asked;
      chunks = Math.ceilDiv(resident, CHUNK_NEURONS);
    }

    void run() {
      isAsked = false;
      int tasks = 1 + chunks + workers.threads();
      if (pass.isShared(pass.queued())) {
        workers.parallelFor(tasks, this);
      } else {
        for (int task = 0; task < tasks; task++) {
          accept(task);
        }
      }
      chunks = 0;
      demand.ended();
      if (ahead != null) {
        ahead.ended();
      }
    }

    @Override
    public void accept(int task) {
      if (task == 0) {
        ask();
      } else if (task <= chunks) {
        int from = (task - 1) * CHUNK_NEURONS;
        compute(from, Math.min(resident, from + CHUNK_NEURONS));
      } else {
        take();
      }
    }

    private void ask() {
      try {
        readsOn = demand.start();
      } finally {
        isAsked = true;
      }
    }

    private void take() {
      if (ahead != null) {
        takeAll(ahead, ofAhead);
      }
      while (!isAsked) {
        Thread.onSpinWait();
      }
      takeAll(demand, ofDemand);
    }

    private void foreseenLanded(int first, int count) {
      int[] place = foresight.place;
      for (int m = first; m < first + count; m++) {
        if (place[m] >= 0) {
          int from = m;
          while (m + 1 < first + count && place[m + 1] == place[m] + 1) {
            m++;
          }
          compute(place[from], place[m] + 1);
        }
      }
    }

    private void landed(int first, int count) {
      compute(asked + first, asked + first + count);
    }

    private void compute(int from, int to) {
      long started = System.nanoTime();
      pass.compute(from, to);
      ledger.spent(demand.layer(), Quantity.COMPUTE_NANOS, started, System.nanoTime());
    }
  }

  /** Token boundary: slots may change hands. */
  public void endToken() {
    long started = System.nanoTime();
    cache.endToken();
    // The boundary belongs to no layer; it is booked under the last.
    ledger.spentByAll(spec.layers() - 1, Quantity.CACHE_NANOS, started, System.nanoTime());
  }

  private int toDiskOrder(int layer, byte[] named, long[] bitmap) {
    Arrays.fill(bitmap, 0);
    int count = 0;
    int[] positions = positionOf[layer];
    for (int i = 0; i < positions.length; i++) {
      if (named[i] != 0) {
        set(bitmap, positions[i]);
        count++;
      }
    }
    return count;
  }

  private static void set(long[] bitmap, int bit) {
    bitmap[bit >>> 6] |= 1L << bit;
  }

  private static boolean isSet(long[] bitmap, int bit) {
    return (bitmap[bit >>> 6] >>> bit & 1) != 0;
  }

  private static int count(long[] bitmap) {
    int count = 0;
    for (long word : bitmap) {
      count += Long.bitCount(word);
    }
    return count;
  }

  private void queueHits(int layer) {
    for (int w = 0; w < hits.length; w++) {
      for (long bits = hits[w]; bits != 0; bits &= bits - 1) {
        int position = w * 64 + Long.numberOfTrailingZeros(bits);
        pass.add(neuronAt[layer][position], homeOffsetBytes(cache.slotOf(layer, position)));
      }
    }
  }

  private long homeOffsetBytes(int home) {
    return (long) home * bundleBytes;
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
    try {
      workers.awaitBeside();
    } catch (RuntimeException e) {
      // It was of a token that nobody waits for any more.
    }
    fetches.forEach(BundleFetch::close);
    arena.close();
  }
}
