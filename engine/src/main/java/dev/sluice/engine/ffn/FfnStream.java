package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.CacheAwarePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.CheckedReader;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * One token's FFN from flash: predict, look up, read what is missing while the rest is computed, compute what lands, then sum
 * columns in neuron order. h of each neuron is computed where its bundle lies, the sum comes last and in a fixed order,
 * so the result depends on the active set alone: not on container, backend, order, cache policy and size or arrival. (One
 * predictor looks at what is resident, and with it the active set depends on the cache: {@link CacheAwarePredictor}.)
 *
 * <p>A predictor that looks at the block's input is asked before the layer's attention ({@link #begin}), and what it names and
 * is not resident is read while attention is computed. One that looks at the FFN's own input is asked when attention is done.
 *
 * <p>A predictor that looks at the FFN before is asked for the next layer when this one begins, and one that names every neuron
 * leaves nothing to foresee: with both, reads of the next layer follow those of this one at once.
 *
 * <p>A bundle's home is a slot (it stays) or a spill place (it is forgotten with the layer). One thread calls, and
 * the team helps it; owns its readers and its memory until closed; a read in flight is drained before memory goes.
 */
public final class FfnStream implements AutoCloseable {
  /** Memory in which reads land before their bundles are moved home. */
  public static final int STAGING_BYTES = 16 << 20;

  private static final int NONE = -1;

  // Memory is given to the homes in such slices: whole huge pages.
  private static final long POPULATED_BYTES = 8 << 20;

  private final ModelSpec spec;
  private final Model model;
  private final FfnLayout layout;
  private final ActivePredictor predictor;
  private final DiskOrder order;
  private final BundleCache cache;
  private final Workers workers;
  private final Ledger ledger;

  private final Arena arena = Arena.ofShared();
  private final Lanes lanes;
  private final ReadAhead readAhead; // null if no layer's neurons are named before the layer begins
  private BundleFetch demand;
  private BundleFetch spare; // takes turns with demand while slots are filled
  private final NeuronPass pass;
  private final int slots;
  private final int bundleBytes;

  private final byte[] predicted;
  private final byte[] resident; // for a predictor that asks
  private final long[] everywhere;
  private long[] named; // bitmaps in disk order
  private long[] namedNext; // of the layer after; takes turns with named where they are not always all
  private int foreseenLayer = NONE; // which namedNext is about, where a predictor foresees
  private final long[] wanted;
  private final long[] hits;
  private final long[] misses;
  private final PredictorScratch predictorScratch = new PredictorScratch();
  private final float[] blockNormed;
  private final LayerRound round;
  private final Runnable asking = this::ask;
  private boolean begun; // the layer's first part is looked up and asked for
  private long askedFromNanos;
  private long askedToNanos;
  private int next; // first neuron of the part after the one looked up
  private final int spillPlaces;
  private int spilled; // places taken
  private final MemorySegment homes; // slots, then places for a layer's spilled bundles
  private long pinRepeats;
  private final Supplier<int[]> hotBundles;
  private final int pinned;
  private boolean hasPinned;
  private boolean whole = true; // false while reads are asked for and taken: a fault between leaves slots unfilled

  /**
   * @param columnNorms layer × neuron; may be zeros with the exact and gate rules
   * @param readers opens readers on the store's FFN file
   * @param hotBundles asked when they are pinned: layer · feedForward + disk position; the first of them, as many as {@code
   *     residency} says, are
   */
  public FfnStream(
      Store store, Model model, ActivePredictor predictor, Activity activity, float[][] columnNorms,
      Supplier<CheckedReader> readers,
      Residency residency, Supplier<int[]> hotBundles, ReadPlanner.Limits limits, Workers workers,
      Ledger ledger) {
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
    order = new DiskOrder(store);
    cache = residency.policy().open(new BundleCache.Shape(layers, neurons), slots);
    predicted = new byte[neurons];
    everywhere = order.everywhere();
    resident = new byte[predictor instanceof CacheAwarePredictor ? neurons : 0];
    named = order.bitmap();
    namedNext = predictor.namesAll() ? everywhere : order.bitmap();
    wanted = order.bitmap();
    hits = order.bitmap();
    misses = order.bitmap();
    spillPlaces = spillPlaces(store, residency.spillPlaces());
    blockNormed = new float[spec.hidden()];
    this.hotBundles = hotBundles;
    pinned = residency.pinned();
    Lanes opened = null;
    try {
      homes = AnonymousMemory.map(((long) slots + spillPlaces) * bundleBytes, arena);
      pass = new NeuronPass(model, activity, columnNorms, homes, workers);
      opened = new Lanes(layout, readers, STAGING_BYTES, arena);
      lanes = opened;
      demand = new BundleFetch(store, lanes, limits, homes, ledger);
      spare = new BundleFetch(store, lanes, limits, homes, ledger);
      readAhead = predictor.namesAll() || predictor.input() == PredictorInput.PREVIOUS_FFN
          ? new ReadAhead(order, cache,
              new BundleFetch(store, lanes, limits, homes, ledger), spillPlaces)
          : null;
      round = new LayerRound(pass, workers, ledger);
    } catch (RuntimeException | Error e) {
      if (opened != null) {
        opened.close();
      }
      arena.close();
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
    if (hasPinned) {
      return;
    }
    requireWhole(0);
    whole = false;
    int[] all = hotBundles.get();
    int[] hot = Arrays.copyOf(all, Math.min(pinned, all.length));
    planHot(demand, 0, hot);
    demand.start();
    int populated = slices(cache.pinnedBundles());
    workers.parallelFor(populated, this::populate);
    for (int layer = 0; layer < spec.layers(); layer++) {
      boolean last = layer + 1 == spec.layers();
      if (!last) {
        planHot(spare, layer + 1, hot);
        demand.follow(spare);
      }
      int next = slices(last ? slots + spillPlaces : cache.pinnedBundles());
      landHot(demand, populated, next);
      populated = next;
      BundleFetch ended = demand;
      demand = spare;
      spare = ended;
    }
    hasPinned = true;
    pinRepeats = ledger.total(Quantity.REPEATS);
    ledger.clear();
    whole = true;
  }

  /** Whether {@link #pin} has done its work. */
  public boolean hasPinned() {
    return hasPinned;
  }

  /** Requests that {@link #pin} had to read again. */
  public long pinRepeats() {
    return pinRepeats;
  }

  /** One thread takes what has been read home, the others first give memory to slices {@code from} to {@code to} of the homes. */
  private void landHot(BundleFetch fetch, int from, int to) {
    int some = to - from;
    workers.parallelFor(some + workers.threads(), task -> {
      if (task > 0 && task <= some) {
        populate(from + task - 1);
      } else {
        fetch.landAll(PINNED);
      }
    });
    fetch.ended();
  }

  /** Slices of the homes that cover so many of them. */
  private int slices(int places) {
    return Math.toIntExact(Math.ceilDiv((long) places * bundleBytes, POPULATED_BYTES));
  }

  private void populate(int slice) {
    long from = slice * POPULATED_BYTES;
    AnonymousMemory.populate(
        homes.asSlice(from, Math.min(POPULATED_BYTES, homes.byteSize() - from)));
  }

  private void planHot(BundleFetch fetch, int layer, int[] hot) {
    int neurons = spec.feedForward();
    Arrays.fill(misses, 0);
    for (int bundle : hot) {
      if (bundle / neurons == layer) {
        DiskOrder.set(misses, bundle % neurons);
      }
    }
    fetch.plan(layer, misses);
    for (int m = 0; m < fetch.count(); m++) {
      fetch.home(m, homeOffsetBytes(cache.pin(layer, fetch.position(m))));
    }
  }

  private static final BundleFetch.Landing PINNED = (_, _) -> {};

  /**
   * Names what a layer needs and begins to read what is missing, if the predictor looks at this layer's block input or has named
   * more than could be read ahead; does nothing otherwise. To be followed by {@link #apply} of that layer.
   *
   * @param x the hidden state before the layer's attention; may change when this returns
   * @throws FaultException if a read failed before, or a token was given up
   */
  public void begin(int layer, float[] x) {
    requireWhole(layer);
    if (predictor.input().at(layer) == PredictorInput.BLOCK) {
      whole = false;
      model.normFfn(layer, x, 0, 1, blockNormed, 0);
      predict(layer, blockNormed, named);
    } else if (foreseenLayer == layer && !readAhead.isAbout(layer)) {
      whole = false;
      takeForeseen();
    } else {
      return;
    }
    lookUpFirst(layer);
    begun = true;
    workers.beside(asking);
  }

  private void ask() {
    askedFromNanos = System.nanoTime();
    demand.start();
    askedToNanos = System.nanoTime();
  }

  /**
   * Adds one layer's FFN output for the current token to its hidden state.
   *
   * @param normed the FFN's input, {@code hidden} elements
   * @param x the hidden state, {@code hidden} elements
   * @throws FaultException if a read fails or a page does not match its checksum, and at every call after that
   */
  public void apply(int layer, float[] normed, float[] x) {
    if (begun) {
      begun = false;
      long attendedToNanos = System.nanoTime();
      workers.awaitBeside();
      ledger.oneDidOtherwise(layer, Quantity.ATTENTION_NANOS, askedFromNanos, askedToNanos,
          attendedToNanos);
    } else {
      requireWhole(layer);
      whole = false;
      if (foreseenLayer == layer) {
        takeForeseen();
      } else {
        predict(layer, normed, named);
      }
      lookUpFirst(layer);
    }
    foresee(layer + 1, normed);
    pass.begin(layer, normed);
    applyPart(layer);
    while (next < spec.feedForward()) {
      next = takePart(layer, next);
      lookUp(layer);
      applyPart(layer);
    }
    pass.finish(x);
    whole = true;
  }

  /** Looks up the first part of what is named. */
  private void lookUpFirst(int layer) {
    next = takePart(layer, 0);
    lookUp(layer);
  }

  private void takeForeseen() {
    foreseenLayer = NONE;
    long[] before = named;
    named = namedNext;
    namedNext = before;
  }

  /** Names the neurons of a layer by the input of the FFN before, if that is what the predictor looks at. */
  private void foresee(int layer, float[] previous) {
    if (layer < spec.layers()
        && predictor.input().at(layer) == PredictorInput.PREVIOUS_FFN) {
      predict(layer, previous, namedNext);
      foreseenLayer = layer;
    }
  }

  /** Nothing has failed, and what has been named and asked for ahead is of this layer: the token before came to its end. */
  private void requireWhole(int layer) {
    boolean follows = (foreseenLayer == NONE || foreseenLayer == layer)
        && (readAhead == null || readAhead.isAbout(layer) || readAhead.isIdle());
    if (!whole || !follows) {
      throw new FaultException(
          layout.file(), "a token before did not come to its end, so what is cached is not whole",
          "start again");
    }
  }

  private void predict(int layer, float[] seen, long[] names) {
    long start = System.nanoTime();
    if (predictor instanceof CacheAwarePredictor aware) {
      cache.absent(layer, everywhere, misses);
      order.unmark(layer, misses, resident);
      aware.predict(layer, seen, 0, resident, predicted, predictorScratch);
    } else {
      predictor.predict(layer, seen, 0, 1, predicted, predictorScratch);
    }
    int count = order.mark(layer, predicted, names);
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
    if (from == 0 && DiskOrder.count(misses) <= spillPlaces) {
      System.arraycopy(named, 0, wanted, 0, wanted.length);
      return neurons;
    }
    Arrays.fill(wanted, 0);
    int taken = 0;
    int next = from;
    while (next < neurons) {
      int end = Math.min(neurons, next + partNeurons(spec));
      int absent = 0;
      for (int i = next; i < end; i++) {
        absent += DiskOrder.isSet(misses, order.positionOf(layer, i)) ? 1 : 0;
      }
      if (taken + absent > spillPlaces) {
        break;
      }
      for (int i = next; i < end; i++) {
        if (DiskOrder.isSet(named, order.positionOf(layer, i))) {
          DiskOrder.set(wanted, order.positionOf(layer, i));
        }
      }
      taken += absent;
      next = end;
    }
    return next;
  }

  /** Reads, computes and sums what was looked up. */
  private void applyPart(int layer) {
    queueHits(layer);
    int resident = pass.queued();
    for (int m = 0; m < demand.count(); m++) {
      pass.add(order.neuronAt(layer, demand.position(m)), demand.home(m));
    }
    // What the next layer lacks is known when the last part of this one has its slots.
    boolean readsOn =
        (foreseenLayer == layer + 1 || predictor.namesAll()) && layer + 1 < spec.layers()
            && next == spec.feedForward();
    round.begin(resident, demand, readsOn ? readAhead : null, namedNext);
    round.run();
    ledger.add(layer, Quantity.BYTES_USED_OF_READ,
        pass.fired(resident, pass.queued()) * widthOf(layout.layers().get(layer)));
    long started = System.nanoTime();
    int fired = pass.sum();
    ledger.add(layer, Quantity.ACTIVE, fired);
    ledger.add(layer, Quantity.BYTES_USED, fired * widthOf(layout.layers().get(layer)));
    ledger.spentByAll(layer, Quantity.COMPUTE_NANOS, started, System.nanoTime());
  }

  /** Parts what is wanted into what is resident and what must be read. */
  private void lookUp(int layer) {
    long start = System.nanoTime();
    cache.split(layer, wanted, hits, misses);
    spilled = 0;
    planDemand(layer);
    for (int m = 0; m < demand.count(); m++) {
      demand.home(m, admit(layer, demand.position(m)));
    }
    ledger.spentByAll(layer, Quantity.CACHE_NANOS, start, System.nanoTime());
    ledger.add(layer, Quantity.HITS, DiskOrder.count(hits));
    ledger.add(layer, Quantity.MISSES, demand.count());
  }

  private void planDemand(int layer) {
    if (readAhead != null && readAhead.isAbout(layer)) {
      demand = readAhead.take(misses, demand);
      return;
    }
    demand.plan(layer, misses);
  }

  private long admit(int layer, int position) {
    int slot = cache.admit(layer, position);
    return homeOffsetBytes(slot >= 0 ? slot : slots + spilled++);
  }

  /** A new text begins: where results depend on what is resident, all but what is pinned leaves its slot. */
  public void restart() {
    if (predictor instanceof CacheAwarePredictor) {
      cache.clear();
    }
  }

  /** Token boundary: slots may change hands. Where every neuron is named, the next token's reads begin. */
  public void endToken() {
    long started = System.nanoTime();
    cache.endToken();
    if (predictor.namesAll()) {
      whole = false;
      readAhead.first(namedNext);
      whole = true;
    }
    // The boundary belongs to no layer; it is booked under the last.
    ledger.spentByAll(spec.layers() - 1, Quantity.CACHE_NANOS, started, System.nanoTime());
  }

  private void queueHits(int layer) {
    for (int w = 0; w < hits.length; w++) {
      for (long bits = hits[w]; bits != 0; bits &= bits - 1) {
        int position = w * 64 + Long.numberOfTrailingZeros(bits);
        pass.add(order.neuronAt(layer, position), homeOffsetBytes(cache.slotOf(layer, position)));
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
    lanes.close();
    arena.close();
  }
}
