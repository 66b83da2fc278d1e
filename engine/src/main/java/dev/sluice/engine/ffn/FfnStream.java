package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Activations;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.FfnOutput;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.cache.WindowCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.PageChecksums;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * One token's FFN from flash: predict, look up, read what is missing while the rest is computed, compute what lands, then sum
 * columns in neuron order. h of each neuron is computed where its bundle lies, the sum comes last and in a fixed order,
 * so the result depends on the active set alone: not on container, backend, order, window, cache size or arrival.
 *
 * <p>A bundle's home is a slot (it stays) or a spill place (it is forgotten with the layer). One thread; owns its reader and
 * its memory until closed; a read in flight is drained before memory goes.
 */
public final class FfnStream implements AutoCloseable {
  /** Memory in which reads land before their bundles are moved home. */
  public static final int STAGING_BYTES = 8 << 20;

  private static final int PAGE = PageChecksums.PAGE_BYTES;

  private final Store store;
  private final ModelSpec spec;
  private final Kernels kernels;
  private final Model model;
  private final FfnLayout layout;
  private final BlockReader reader;
  private final ActivePredictor predictor;
  private final Activity activity;
  private final float[][] columnNorms;
  private final float[][][] biases;
  private final int[][] positionOf;
  private final int[][] neuronAt;
  private final WindowCache cache;
  private final ReadPlanner planner;
  private final Ledger ledger;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment homes; // slots, then spill places, bundleBytes each
  private final int slots;
  private final int bundleBytes;
  private final int rowBytes;
  private final ReadBatch batch;

  private final byte[] predicted;
  private final long[] wanted; // in disk order, like hits and misses
  private final long[] hits;
  private final long[] misses;
  private final int[] missPosition;
  private final int[] missHome;
  private final int[] missPending;
  private final long[] active; // in neuron order
  private final float[] output;
  private final int[] homeOf;
  private final float[] arranged;
  private final float[] sum;
  private final float[] restored;
  private final PredictorScratch predictorScratch = new PredictorScratch();
  private int rangesPerPart;
  private boolean whole = true; // false from the start of a layer to its end: a fault between leaves slots unfilled

  /**
   * @param columnNorms layer × neuron; may be zeros with the exact and gate rules
   * @param reader open on the store's FFN file; taken over
   * @param hotBundles layer · feedForward + disk position; the first of them, as many as {@code residency} says, are pinned
   */
  public FfnStream(
      Store store, Model model, ActivePredictor predictor, Activity activity, float[][] columnNorms,
      BlockReader reader,
      Residency residency, int[] hotBundles, ReadPlanner.Limits limits, Ledger ledger) {
    this.store = store;
    this.spec = store.spec();
    this.model = model;
    this.kernels = model.kernels();
    this.layout = store.ffn();
    this.reader = reader;
    this.predictor = predictor;
    this.activity = activity;
    this.columnNorms = columnNorms;
    this.biases = FfnBiases.of(model);
    this.ledger = ledger;
    this.slots = residency.slots();
    this.bundleBytes = spec.bundleBytes();
    this.rowBytes = bundleBytes / spec.rowsPerNeuron();
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
    planner = new ReadPlanner(limits);
    int words = (neurons + 63) / 64;
    predicted = new byte[neurons];
    wanted = new long[words];
    hits = new long[words];
    misses = new long[words];
    missPosition = new int[neurons];
    missHome = new int[neurons];
    missPending = new int[neurons];
    active = new long[words];
    output = new float[neurons];
    homeOf = new int[neurons];
    arranged = new float[spec.hidden()];
    sum = new float[spec.hidden()];
    restored = new float[spec.hidden()];
    try {
      homes = arena.allocate(Math.max(64, ((long) slots + neurons) * bundleBytes), 64);
      batch = new ReadBatch(arena.allocate(stagingBytes(), PAGE));
      pin(hotBundles, residency.pinned());
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private long stagingBytes() {
    long widest = 0;
    for (List<Part> parts : layout.layers()) {
      for (Part part : parts) {
        widest = Math.max(widest, part.strideBytes());
      }
    }
    return Math.max(STAGING_BYTES, (widest / PAGE + 2) * PAGE);
  }

  /** Bytes on disk of one bundle with its padding: what a slot is charged at. */
  public static long widthBytes(FfnLayout layout) {
    return layout.layers().getFirst().stream().mapToLong(Part::strideBytes).sum();
  }

  /** Reads the hottest bundles into slots for good. Not part of any token. */
  private void pin(int[] hotBundles, int count) {
    int neurons = spec.feedForward();
    for (int layer = 0; layer < spec.layers(); layer++) {
      Arrays.fill(misses, 0);
      for (int k = 0; k < Math.min(count, hotBundles.length); k++) {
        if (hotBundles[k] / neurons == layer) {
          int position = hotBundles[k] % neurons;
          misses[position >>> 6] |= 1L << position;
        }
      }
      int missing = list(misses);
      for (int m = 0; m < missing; m++) {
        missHome[m] = cache.pin(layer, missPosition[m]);
      }
      read(layer, missing, Landing.PIN);
    }
    ledger.clear();
  }

  private enum Landing {
    PIN,
    COMPUTE
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
    long start = System.nanoTime();
    predictor.predict(layer, normed, 0, 1, predicted, predictorScratch);
    int named = toDiskOrder(layer);
    long predictedAt = System.nanoTime();
    cache.split(layer, wanted, hits, misses);
    int missing = list(misses);
    int spilled = 0;
    for (int m = 0; m < missing; m++) {
      int slot = cache.admit(layer, missPosition[m]);
      missHome[m] = slot >= 0 ? slot : slots + spilled++;
    }
    ledger.add(layer, Quantity.PREDICT_NANOS, predictedAt - start);
    ledger.add(layer, Quantity.CACHE_NANOS, System.nanoTime() - predictedAt);
    ledger.add(layer, Quantity.PREDICTED, named);
    ledger.add(layer, Quantity.HITS, named - missing);
    ledger.add(layer, Quantity.MISSES, missing);

    TensorType type = spec.weightType();
    kernels.arrange(type, normed, 0, arranged, 0, spec.hidden());
    Arrays.fill(active, 0);
    read(layer, missing, Landing.COMPUTE);
    accumulate(layer, x);
    whole = true;
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
        int position = positions[i];
        wanted[position >>> 6] |= 1L << position;
        named++;
      }
    }
    return named;
  }

  /** Lists the set bits of a disk-order bitmap in {@link #missPosition}. */
  private int list(long[] bitmap) {
    int count = 0;
    for (int w = 0; w < bitmap.length; w++) {
      for (long bits = bitmap[w]; bits != 0; bits &= bits - 1) {
        missPosition[count++] = w * 64 + Long.numberOfTrailingZeros(bits);
      }
    }
    return count;
  }

  private void read(int layer, int missing, Landing landing) {
    List<Part> parts = layout.layers().get(layer);
    planner.clear();
    rangesPerPart = missing;
    for (Part part : parts) {
      for (int m = 0; m < missing; m++) {
        planner.want(part.offsetBytes(missPosition[m]), part.strideBytes());
      }
    }
    Arrays.fill(missPending, 0, missing, parts.size());
    long requests = reader.counters().requests();
    long bytes = reader.counters().bytes();
    int from = 0;
    boolean first = true;
    while (planner.fill(batch)) {
      long started = System.nanoTime();
      reader.start(batch);
      ledger.add(layer, Quantity.IO_NANOS, System.nanoTime() - started);
      if (first && landing == Landing.COMPUTE) {
        computeHits(layer);
      }
      first = false;
      land(layer, parts, from, landing);
      from = planner.planned();
    }
    if (first && landing == Landing.COMPUTE) {
      computeHits(layer);
    }
    ledger.add(layer, Quantity.REQUESTS, reader.counters().requests() - requests);
    ledger.add(layer, Quantity.BYTES_READ, reader.counters().bytes() - bytes);
  }

  private void computeHits(int layer) {
    long started = System.nanoTime();
    for (int w = 0; w < hits.length; w++) {
      for (long bits = hits[w]; bits != 0; bits &= bits - 1) {
        int position = w * 64 + Long.numberOfTrailingZeros(bits);
        compute(layer, neuronAt[layer][position], cache.slotOf(layer, position));
      }
    }
    ledger.add(layer, Quantity.COMPUTE_NANOS, System.nanoTime() - started);
  }

  /** Takes completions as they come: verify, move home, compute bundles that are whole. */
  private void land(int layer, List<Part> parts, int firstRange, Landing landing) {
    for (;;) {
      long waiting = System.nanoTime();
      int request = reader.next();
      long landed = System.nanoTime();
      ledger.add(layer, Quantity.IO_NANOS, landed - waiting);
      if (request < 0) {
        return;
      }
      store
          .ffnChecksums()
          .verify(
              layout.file(), batch.fileOffsetBytes(request), batch.target(),
              batch.targetOffsetBytes(request),
              batch.lengthBytes(request));
      int from = firstRangeOf(request, firstRange);
      int to = from;
      while (to < planner.planned() && planner.requestOf(to) == request) {
        bringHome(parts, to);
        to++;
      }
      long home = System.nanoTime();
      ledger.add(layer, Quantity.MEMORY_NANOS, home - landed);
      if (landing == Landing.COMPUTE) {
        for (int range = from; range < to; range++) {
          int m = range % rangesPerPart;
          if (--missPending[m] == 0) {
            if (compute(layer, neuronAt[layer][missPosition[m]], missHome[m])) {
              ledger.add(layer, Quantity.BYTES_USED_OF_READ, widthOf(parts));
            }
          }
        }
        ledger.add(layer, Quantity.COMPUTE_NANOS, System.nanoTime() - home);
      }
    }
  }

  /** Ranges of a batch lie in request order: the first of a request is found by bisection. */
  private int firstRangeOf(int request, int firstRange) {
    int low = firstRange;
    int high = planner.planned();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (planner.requestOf(middle) < request) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private void bringHome(List<Part> parts, int range) {
    Part part = parts.get(range / rangesPerPart);
    int m = range % rangesPerPart;
    long to = (long) missHome[m] * bundleBytes + part.offsetInBundleBytes();
    MemorySegment.copy(batch.target(), planner.targetOffsetBytes(batch, range), homes, to,
        part.bytes());
  }

  /** Computes h of the neuron whose bundle is at {@code home}; true if it is active. */
  private boolean compute(int layer, int neuron, int home) {
    int hidden = spec.hidden();
    TensorType type = spec.weightType();
    long at = (long) home * bundleBytes;
    float[][] bias = biases[layer];
    boolean gated = spec.form() == FfnForm.GATED;
    float[] innerBias = gated ? bias[0] : bias[1];
    float z = kernels.dot(type, homes, at, arranged, 0, hidden);
    if (innerBias.length > 0) {
      z += innerBias[neuron];
    }
    float inner = Activations.apply(spec.activation(), z);
    if (activity.rule() == ActiveRule.GATE && Math.abs(inner) < activity.thresholds()[layer]) {
      return false;
    }
    float h = inner;
    if (gated) {
      float up = kernels.dot(type, homes, at + rowBytes, arranged, 0, hidden);
      if (bias[1].length > 0) {
        up += bias[1][neuron];
      }
      h = up * inner;
    }
    if (!activity.holds(layer, inner, h, columnNorms[layer][neuron])) {
      return false;
    }
    output[neuron] = h;
    homeOf[neuron] = home;
    active[neuron >>> 6] |= 1L << neuron;
    return true;
  }

  private void normNeurons(FfnOutput layerOutput) {
    double squares = 0;
    for (int w = 0; w < active.length; w++) {
      for (long bits = active[w]; bits != 0; bits &= bits - 1) {
        double h = output[w * 64 + Long.numberOfTrailingZeros(bits)];
        squares += h * h;
      }
    }
    float factor = layerOutput.factor(squares);
    for (int w = 0; w < active.length; w++) {
      for (long bits = active[w]; bits != 0; bits &= bits - 1) {
        int neuron = w * 64 + Long.numberOfTrailingZeros(bits);
        output[neuron] = layerOutput.normed(neuron, output[neuron], factor);
      }
    }
  }

  private void accumulate(int layer, float[] x) {
    long started = System.nanoTime();
    int hidden = spec.hidden();
    TensorType type = spec.weightType();
    Arrays.fill(sum, 0);
    FfnOutput layerOutput = model.ffnOutput(layer);
    if (layerOutput.normsNeurons()) {
      normNeurons(layerOutput);
    }
    int fired = 0;
    for (int w = 0; w < active.length; w++) {
      for (long bits = active[w]; bits != 0; bits &= bits - 1) {
        int neuron = w * 64 + Long.numberOfTrailingZeros(bits);
        long column = (long) homeOf[neuron] * bundleBytes + bundleBytes - rowBytes;
        kernels.axpy(type, output[neuron], homes, column, sum, 0, hidden);
        fired++;
      }
    }
    kernels.restore(type, sum, 0, restored, 0, hidden);
    layerOutput.add(restored, x, 0, hidden);
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
    return reader.describe();
  }

  @Override
  public void close() {
    reader.close();
    arena.close();
  }
}
