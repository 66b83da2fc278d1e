package dev.sluice.engine.session;

import dev.sluice.engine.ffn.FfnStream;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Observers;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.KvCache;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.Scratch;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.sequence.SequencePredictor;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * One text in the making: prompt positions go through in sweeps, single tokens through the streamed FFN. Owns cache,
 * reader, keys and values, and the ledger. Mutable; one thread.
 */
public final class Session implements AutoCloseable {
  private final Engine engine;
  private final Model model;
  private final ModelSpec spec;
  private final KvCache keyValues;
  private final FfnStream ffn;
  private final Optional<SequencePredictor> chosenByPrompt;
  private final PinOrder pinOrder;
  private final Ledger ledger;
  private final Scratch scratch = new Scratch();
  private final float[] hidden;
  private final float[] normed;
  private final float[] queries;
  private final float[] logits;
  private int position;
  private long promptBytesRead;
  private long promptWaitNanos;
  private long promptRepeats;

  /** Receives the logits of prompt positions in order. */
  public interface LogitsSink {
    /** {@code logits[offset .. offset + vocabulary)} of one position; valid during the call. */
    void position(float[] logits, int offset);
  }

  /**
   * @param context positions that fit in the session
   * @param residency how slots are used
   * @param limits how reads are merged
   */
  public Session(Engine engine, int context, Residency residency, ReadPlanner.Limits limits) {
    this(engine, context, residency, limits, engine.tokenPredictor());
  }

  /**
   * The same with a predictor for single tokens that need not be the engine's.
   *
   * @param predictor stays the caller's
   */
  public Session(Engine engine, int context, Residency residency, ReadPlanner.Limits limits,
      ActivePredictor predictor) {
    this(engine, context, residency, limits, predictor,
        pinOrder(engine.store(), residency.pinning()));
  }

  /**
   * The same with bundles pinned in another order than the residency's.
   *
   * @param pinOrder is this session's from now on
   */
  public Session(Engine engine, int context, Residency residency, ReadPlanner.Limits limits,
      ActivePredictor predictor, PinOrder pinOrder) {
    this(engine, new KvCache(engine.model().spec(), context, KvCache.Precision.FLOAT32), residency,
        limits, predictor, pinOrder);
  }

  /**
   * The same with keys and values in a cache that is this session's from now on.
   *
   * @param keyValues of the engine's model, empty
   */
  public Session(Engine engine, KvCache keyValues, Residency residency, ReadPlanner.Limits limits,
      ActivePredictor predictor) {
    this(engine, keyValues, residency, limits, predictor,
        pinOrder(engine.store(), residency.pinning()));
  }

  private Session(Engine engine, KvCache keyValues, Residency residency, ReadPlanner.Limits limits,
      ActivePredictor predictor, PinOrder pinOrder) {
    this.engine = engine;
    this.model = engine.model();
    this.spec = model.spec();
    this.ledger = new Ledger(spec.layers(), engine.workers().threads());
    this.keyValues = keyValues;
    this.hidden = new float[spec.hidden()];
    this.normed = new float[spec.hidden()];
    this.queries = new float[spec.heads() * spec.headSize()];
    this.logits = new float[spec.vocabulary()];
    this.chosenByPrompt =
        predictor instanceof SequencePredictor sequence ? Optional.of(sequence) : Optional.empty();
    this.pinOrder = pinOrder;
    this.ffn =
        new FfnStream(
            engine.store(),
            model,
            predictor,
            engine.activity(),
            engine.columnNorms(),
            engine::openReader,
            residency,
            residency.pinned() > 0 ? pinOrder::bundles : () -> new int[0],
            limits,
            engine.workers(),
            ledger);
  }

  private static PinOrder pinOrder(Store store, Residency.Pinning pinning) {
    return switch (pinning) {
      case MOST_FREQUENT -> () -> mostFrequent(store);
      case MOST_FREQUENT_WITH_PROMPT -> new PromptFrequency(store);
      case FIRST -> () -> {
        int layers = store.spec().layers();
        int neurons = store.spec().feedForward();
        return IntStream.range(0, layers * neurons).map(i -> i % layers * neurons + i / layers)
            .toArray();
      };
    };
  }

  private static int[] mostFrequent(Store store) {
    return PinOrder.byScore(store, Engine.perNeuron(store, StoreKeys.FREQUENCY)
        .orElseThrow(
            () -> new BadInputException(
                store.folder(), "it knows no hot bundles to pin",
                "trace and bundle it, or pin none")));
  }

  /** Positions taken so far. */
  public int position() {
    return position;
  }

  /** Positions that fit. */
  public int capacity() {
    return keyValues.capacity();
  }

  /** The ledger of single tokens; prompts are not in it. */
  public Ledger ledger() {
    return ledger;
  }

  /** Bytes that prompts have read, layer by layer. */
  public long promptBytesRead() {
    return promptBytesRead;
  }

  /** Of the time that prompts took, {@link LayerStream#waitNanos}: nothing was computed meanwhile. */
  public long promptWaitNanos() {
    return promptWaitNanos;
  }

  /**
   * Reads for prompts, for bundles pinned for good and for resident tensors that were done again; those for tokens are in the
   * ledger.
   */
  public long repeatsBesideTokens() {
    return promptRepeats + ffn.pinRepeats() + engine.store().repeats();
  }

  /** One line about how weights are read. */
  public String describeReader() {
    return ffn.describeReader();
  }

  /**
   * Takes a prompt, at least one token; returns the logits after its last token (the session's own array, valid until the
   * next call).
   *
   * @param sink receives every position's logits; null for none
   */
  public float[] prompt(int[] tokens, LogitsSink sink) {
    requireRoom(tokens.length);
    for (int token : tokens) {
      requireToken(token);
    }
    try (LayerStream layers = engine.openLayers()) {
      Sequence sequence =
          Sequence.continuing(tokens, position, keyValues, spec.hidden(),
              spec.heads() * spec.headSize());
      engine
          .promptSweep(layers)
          .run(List.of(sequence), engine.activity(), engine.blockPredictor(), promptObserver());
      promptBytesRead += layers.bytesRead();
      promptWaitNanos += layers.waitNanos();
      promptRepeats += layers.repeats();
      position += tokens.length;
      int from = sink == null ? tokens.length - 1 : 0;
      for (int t = from; t < tokens.length; t++) {
        model.logits(sequence.hidden(), t * spec.hidden(), logits, engine.workers(), scratch);
        if (sink != null) {
          sink.position(logits, 0);
        }
      }
    }
    return logits;
  }

  private LayerObserver promptObserver() {
    List<LayerObserver> all = new ArrayList<>();
    chosenByPrompt.ifPresent(all::add);
    if (!ffn.hasPinned()) {
      all.add(pinOrder.promptObserver());
    }
    return new Observers(all);
  }

  /** Takes one token; returns the logits after it (the session's own array, valid until the next call). */
  public float[] step(int token) {
    requireRoom(1);
    requireToken(token);
    long start = System.nanoTime();
    ffn.pin();
    model.embed(token, position, hidden, 0, scratch);
    for (int layer = 0; layer < spec.layers(); layer++) {
      KvCache.Layer kv = keyValues.layer(layer);
      ffn.begin(layer, hidden);
      long attending = System.nanoTime();
      model.projectAttention(layer, hidden, 0, position, 1, queries, 0, kv, engine.workers(),
          scratch);
      model.mixAttention(layer, queries, 0, position, 1, kv, hidden, 0, engine.workers(), scratch);
      model.normFfn(layer, hidden, 0, 1, normed, 0);
      ledger.spentByAll(layer, Quantity.ATTENTION_NANOS, attending, System.nanoTime());
      ffn.apply(layer, normed, hidden);
    }
    ffn.endToken();
    long last = System.nanoTime();
    model.logits(hidden, 0, logits, engine.workers(), scratch);
    ledger.spentByAll(spec.layers() - 1, Quantity.HEAD_NANOS, last, System.nanoTime());
    position++;
    ledger.endToken(System.nanoTime() - start);
    return logits;
  }

  /**
   * Forgets the text, and which neurons its prompt chose, but not what the cache holds, unless results depend on that: the next
   * token is at position 0.
   */
  public void restart() {
    position = 0;
    chosenByPrompt.ifPresent(SequencePredictor::forget);
    ffn.restart();
  }

  private void requireRoom(int tokens) {
    if (tokens == 0) {
      throw new IllegalArgumentException("a prompt needs at least one token");
    }
    if (position + tokens > keyValues.capacity()) {
      throw new BadInputException(
          "--ctx-size",
          (position + tokens) + " tokens do not fit in a context of " + keyValues.capacity(),
          "give a larger context or a shorter text");
    }
  }

  private void requireToken(int id) {
    if (id < 0 || id >= spec.vocabulary()) {
      throw new BadInputException(
          "token id " + id, "the model's vocabulary has ids 0 to " + (spec.vocabulary() - 1),
          "use ids within it");
    }
  }

  @Override
  public void close() {
    ffn.close();
  }
}
