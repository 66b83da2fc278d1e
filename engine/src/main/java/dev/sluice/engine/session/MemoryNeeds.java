package dev.sluice.engine.session;

import dev.sluice.engine.ffn.FfnStream;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.KvCache;
import dev.sluice.engine.sequence.SequencePredictor;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.PageChecksums;
import dev.sluice.storage.store.Store;

/**
 * What a process takes beside slots, in bytes, known from a store's catalog before anything large is loaded. Arrays of a
 * few KB are left to the spare part of the heap.
 *
 * @param denseBytes resident tensors but the next
 * @param scaleBytes resident scales of quantised columns
 * @param keyValueBytes keys and values of the whole context, in the heap
 * @param predictorBytes the predictor's matrices, at the store's padding ratio
 * @param stagingBytes where reads land
 * @param layerBufferBytes two layers while a prompt is taken; given back before the first slot is filled
 * @param promptBytes positions that are taken together, in the heap; after them, in their place, the order of the hot bundles
 * @param indexBytes orders, checksums, what the cache knows, tokenizer, ledger and logits, in the heap
 * @param spillPlaces for bundles of one layer that find no slot; what they take is not in {@link #standingBytes}
 * @param jvm what the JVM takes
 */
public record MemoryNeeds(
    long denseBytes, long scaleBytes, long keyValueBytes, long predictorBytes, long stagingBytes,
    long layerBufferBytes, long promptBytes, long indexBytes, int spillPlaces, JvmShare jvm) {

  // Strings and hash tables; with the parser's tree of it all, when hardly anything else is there. Measured with
  // vocabularies of 4,096, 49,152 and 128,000.
  private static final int TOKENIZER_HEAP_RATIO = 6;
  private static final int PARSED_TOKENIZER_HEAP_RATIO = 12;
  private static final int SAMPLER_BYTES_PER_TOKEN = 24;
  private static final int ROPE_PAGE_POSITIONS = 64;

  /**
   * The needs of a run.
   *
   * @throws BadInputException if the store has no such predictor
   */
  public static MemoryNeeds of(Store store, PredictorChoice predictor, RunShape shape) {
    ModelSpec spec = store.spec();
    long dense = 0;
    long scales = 0;
    boolean tied = spec.head() == ModelSpec.HeadKind.TIED;
    for (DenseTensor tensor : store.denseTensors()) {
      if (tensor.name().endsWith(".ffn.down.scales") || tensor.name().endsWith(".ffn.down.mins")) {
        scales += tensor.bytes();
      } else if (tied || !tensor.name().equals("embed")) {
        dense += tensor.bytes();
      }
    }
    // The tensor that is not read leaves a hole, of which huge pages may take both ends.
    dense = AnonymousMemory.residentBytes(dense + scales) - scales + (tied ? 0 : 4L << 20);
    long keyValues = KvCache.bytes(spec, shape.context(), shape.keyValues());
    long promptHeap =
        Sweep.heapBytes(spec, predictor.input(), shape.context(), shape.promptTokens(),
            Engine.PROMPT_BLOCK_POSITIONS, shape.threads());
    long masks = 0; // part of the predictor's bytes, but in the heap
    if (predictor.sequenceMethod().isPresent()) {
      masks = predictorBytes(store, predictor);
      promptHeap += SequencePredictor.heapBytes(spec.layers(), spec.feedForward(),
          shape.promptTokens(), Engine.PROMPT_BLOCK_POSITIONS) - masks;
    }
    promptHeap = Math.max(promptHeap, pinningBytes(spec));
    long index = indexBytes(store, shape);
    return new MemoryNeeds(
        dense,
        scales,
        keyValues,
        padded(store, predictorBytes(store, predictor)),
        FfnStream.STAGING_BYTES,
        LayerStream.bufferBytes(store),
        promptHeap,
        index,
        spillPlaces(store, predictor),
        JvmShare.of(keyValues + promptHeap + index + masks,
            PARSED_TOKENIZER_HEAP_RATIO * store.tokenizerBytes(), shape.threads()));
  }

  /** The same with a predictor of another size. */
  MemoryNeeds withPredictor(long bytes) {
    return new MemoryNeeds(denseBytes, scaleBytes, keyValueBytes, bytes, stagingBytes,
        layerBufferBytes, promptBytes, indexBytes, spillPlaces, jvm);
  }

  /** What is taken while single tokens are made, and all the time. */
  public long standingBytes() {
    return denseBytes + scaleBytes + keyValueBytes + predictorBytes + stagingBytes + promptBytes
        + indexBytes + jvm.bytesBesideLiveHeap();
  }

  /**
   * Most predictors leave most neurons out, and most of those that it names are resident: places for an eighth of a layer are
   * many more than it needs, and where they are not, the layer is done in parts.
   */
  private static int spillPlaces(Store store, PredictorChoice predictor) {
    int neurons = store.spec().feedForward();
    int asked = switch (predictor.kind()) {
      case ALL, GATE, CERTIFIED -> neurons; // what cannot be proven is more than an eighth
      default -> Math.max(Residency.LEAST_SPILL_PLACES, Math.ceilDiv(neurons, 8));
    };
    return FfnStream.spillPlaces(store, asked);
  }

  /** A predictor's bytes as they would be beside bundles as wide as the store's padding makes them. */
  static long padded(Store store, long predictorBytes) {
    double ratio = (double) FfnStream.slotBytes(store) / store.spec().bundleBytes();
    return Math.round(predictorBytes * ratio);
  }

  /** An oracle is a bound, not a method. */
  private static long predictorBytes(Store store, PredictorChoice choice) {
    switch (choice.kind()) {
      case ALL, ORACLE, GATE -> {
        return 0;
      }
      case TDA, TDA_UNION, TDA_MEAN, GRIFFIN -> {
        return (long) store.spec().layers() * store.spec().feedForward();
      }
      default -> {}
    }
    return PredictorMemory.of(store, choice).residentBytes();
  }

  /** Keys to sort by, frequencies, and the bundles in order; when it is made, prompts are over. */
  private static long pinningBytes(ModelSpec spec) {
    return (Long.BYTES + Float.BYTES + (long) Integer.BYTES) * spec.layers() * spec.feedForward();
  }

  private static long indexBytes(Store store, RunShape shape) {
    ModelSpec spec = store.spec();
    long neurons = (long) spec.layers() * spec.feedForward();
    long orders = 3L * Integer.BYTES * neurons; // the catalog's, the stream's, and its inverse
    long norms = (long) Float.BYTES * neurons;
    long fired = Integer.BYTES * neurons; // in the prompt
    long checksums = Integer.BYTES * ((store.fileBytes() - 1) / PageChecksums.PAGE_BYTES + 1);
    BundleCache.Shape bundles = new BundleCache.Shape(spec.layers(), spec.feedForward());
    long cache = shape.policy().heapBytes(bundles, bundles.bundles());
    // Doubled as it grows, and for a moment there are two of it.
    long ledger =
        3L * Long.BYTES * Math.max(16, shape.context()) * spec.layers() * Quantity.values().length;
    long logits = (long) (Float.BYTES + SAMPLER_BYTES_PER_TOKEN) * spec.vocabulary();
    long ropePages = Math.ceilDiv(shape.context(), ROPE_PAGE_POSITIONS);
    long rope = 2L * Float.BYTES * ropePages * ROPE_PAGE_POSITIONS * spec.headSize();
    return orders + norms + fired + checksums + cache + ledger + logits + rope
        + TOKENIZER_HEAP_RATIO * store.tokenizerBytes() + shape.otherHeapBytes();
  }
}
