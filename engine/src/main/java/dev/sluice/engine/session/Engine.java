package dev.sluice.engine.session;

import dev.sluice.engine.eval.ContinuationQuality;
import dev.sluice.engine.eval.Perplexity;
import dev.sluice.engine.eval.WindowedQuality;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.GatePredictor;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.OraclePredictor;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.ActivationPrecision;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.CacheAwarePredictor;
import dev.sluice.engine.predict.CertifiedPredictor;
import dev.sluice.engine.predict.QuantisedPredictor;
import dev.sluice.engine.sequence.SequenceMethod;
import dev.sluice.engine.sequence.SequencePredictor;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.store.CheckedReader;
import dev.sluice.storage.store.Checking;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A model ready to run: open store, resident weights, the rule that decides activity and the predictor that chooses reads.
 * Immutable; several sessions and evaluations may use it at once, each from its own thread. Closing it ends them.
 */
public final class Engine implements AutoCloseable {
  static final int PROMPT_BLOCK_POSITIONS = 64;

  private final Store store;
  private final Model model;
  private final Workers workers;
  private final Supplier<BlockReader> readers;
  private final Checking checking;
  private final Activity asked; // what the user named
  private final Activity activity; // what decides
  private final PredictorChoice choice;
  private final float[][] columnNorms;
  private final Arena arena = Arena.ofShared();
  private final ActivePredictor blockPredictor;
  private ActivePredictor tokenPredictor;

  /**
   * Opens an engine on {@code store}, which stays the caller's.
   *
   * @param activity see {@link SparsityChoice#resolve}
   * @throws BadInputException if the store lacks what the rule or the predictor needs
   */
  public Engine(Store store, Workers workers, Backend backend, Activity activity,
      PredictorChoice choice) {
    this(store, workers, backend, activity, choice, ActivationPrecision.FLOAT32);
  }

  /** The same with a precision of single tokens' activations. */
  public Engine(Store store, Workers workers, Backend backend, Activity activity,
      PredictorChoice choice, ActivationPrecision precision) {
    this(store, workers, () -> BlockReaders.open(store.ffn().file(), backend), activity, choice,
        precision, Checking.EVERY_PAGE);
  }

  /**
   * The same with readers of any kind.
   *
   * @param readers opens a reader on the store's FFN file, or one that gives what it holds
   */
  public Engine(Store store, Workers workers, Supplier<BlockReader> readers, Activity activity,
      PredictorChoice choice, ActivationPrecision precision, Checking checking) {
    this.store = store;
    this.workers = workers;
    this.readers = readers;
    this.checking = checking;
    this.asked = activity;
    // Where a prompt has chosen, all that it chose counts, and the prompt itself is computed with every neuron.
    this.activity =
        choice.sequenceMethod().isPresent() ? Activity.exact(store.spec().layers()) : activity;
    this.choice = choice;
    requireGate();
    requireThresholds();
    this.model = Model.load(store, Kernels.best(), precision, workers);
    try {
      this.columnNorms = columnNorms(store);
      this.blockPredictor =
          new PredictorLoader(store, model, this.activity, columnNorms, workers, arena)
              .load(choice);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private void requireGate() {
    if (choice.kind() != PredictorChoice.Kind.GATE) {
      return;
    }
    if (!store.spec().hasResidentGate()) {
      throw new BadInputException(store.folder(), "its gate is not resident",
          "bundle it with --resident-gate, or choose another predictor");
    }
    if (activity.rule() == ActiveRule.OUTPUT) {
      throw new BadInputException("--predictor gate", "the output rule needs more than the gate",
          "use --rule gate");
    }
  }

  private void requireThresholds() {
    boolean threshold = choice.sequenceMethod().orElse(null) instanceof SequenceMethod.Tda;
    if (threshold && asked.rule() == ActiveRule.EXACT) {
      throw new BadInputException("--predictor " + choice, "the exact rule has no threshold",
          "use --rule output or --rule gate, on a store that was bundled from a trace");
    }
  }

  private float[][] columnNorms(Store from) {
    ModelSpec spec = from.spec();
    float[][] norms = new float[spec.layers()][spec.feedForward()];
    Optional<float[]> all = perNeuron(from, StoreKeys.COLUMN_NORMS);
    if (all.isPresent()) {
      for (int layer = 0; layer < norms.length; layer++) {
        System.arraycopy(all.get(), layer * spec.feedForward(), norms[layer], 0,
            spec.feedForward());
      }
    } else if (asked.rule() == ActiveRule.OUTPUT) {
      throw new BadInputException(
          from.folder(), "it has no thresholds yet",
          "run `sluice trace` on it, then `sluice bundle`");
    }
    return norms;
  }

  /** A value that a store keeps for each neuron of each layer, if it does. */
  static Optional<float[]> perNeuron(Store store, String key) {
    Optional<byte[]> bytes = store.blob(key);
    long expected = (long) Float.BYTES * store.spec().layers() * store.spec().feedForward();
    if (bytes.isPresent() && bytes.get().length != expected) {
      throw new BadInputException(
          store.folder(), "its " + key + " does not fit its layers", "bundle it again");
    }
    return bytes.map(Floats::fromBytes);
  }

  public Store store() {
    return store;
  }

  public Model model() {
    return model;
  }

  /** The rule that decides; the exact one where a prompt chooses the neurons. */
  public Activity activity() {
    return activity;
  }

  /** What the user named: {@link #activity}, or the thresholds by which a prompt chooses. */
  public Activity askedActivity() {
    return asked;
  }

  public PredictorChoice predictor() {
    return choice;
  }

  public Workers workers() {
    return workers;
  }

  float[][] columnNorms() {
    return columnNorms;
  }

  /** Resident bytes that a predictor takes from a budget: an oracle, being a bound and not a method, is charged nothing. */
  public long predictorBytes() {
    return blockPredictor.residentBytes();
  }

  /** A reader on the store's FFN file; the caller closes it. */
  public CheckedReader openReader() {
    return new CheckedReader(store, readers.get(), checking);
  }

  /** A stream of whole layers; the caller closes it. */
  public LayerStream openLayers() {
    CheckedReader reader = openReader();
    try {
      return new LayerStream(store, reader);
    } catch (RuntimeException | Error e) {
      reader.close();
      throw e;
    }
  }

  /** A sweep over {@code stream} in blocks of {@code blockPositions}. */
  public Sweep sweep(LayerStream stream, int blockPositions) {
    Optional<float[][]> compared =
        store.blobKeys().contains(StoreKeys.COLUMN_NORMS) ? Optional.of(columnNorms)
            : Optional.empty();
    return new Sweep(model, stream, workers, blockPositions, compared);
  }

  Sweep promptSweep(LayerStream stream) {
    return sweep(stream, PROMPT_BLOCK_POSITIONS);
  }

  /** Perplexity over {@code stream}. */
  public Perplexity perplexity(LayerStream stream, int windowTokens) {
    return new Perplexity(model, sweep(stream, windowTokens), workers);
  }

  /** Quality window by window over {@code stream}; runs the text densely at once. */
  public WindowedQuality windowedQuality(LayerStream stream, int[] tokens, int windowTokens) {
    return new WindowedQuality(model, sweep(stream, windowTokens), workers, tokens, windowTokens);
  }

  /** How well texts are continued, read over {@code stream}. */
  public ContinuationQuality continuationQuality(LayerStream stream) {
    return new ContinuationQuality(model, promptSweep(stream));
  }

  /**
   * A predictor whose neurons a prompt chooses, for one session or evaluation.
   *
   * @param thresholds what TDA compares with, and the rule that says what a magnitude is
   */
  public SequencePredictor sequencePredictor(SequenceMethod method, Activity thresholds) {
    return new SequencePredictor(method, thresholds, columnNorms);
  }

  /**
   * The predictor for blocks of positions, where weights are streamed whole. An oracle is {@code all} here, and so is the
   * gate: what they name is what the rule leaves. One that looks at what is resident leaves nothing out for it.
   */
  public ActivePredictor blockPredictor() {
    return blockPredictor;
  }

  /**
   * The predictor for single tokens. An oracle reads its copy of the weights the first time it is asked for; what a prompt
   * chooses is one session's own.
   */
  public synchronized ActivePredictor tokenPredictor() {
    Optional<SequenceMethod> method = choice.sequenceMethod();
    if (method.isPresent()) {
      return sequencePredictor(method.get(), asked);
    }
    if (tokenPredictor == null) {
      tokenPredictor =
          switch (choice.kind()) {
            case ORACLE -> new OraclePredictor(store, model, activity, columnNorms, openReader());
            case GATE -> new GatePredictor(model, activity, workers);
            case CERTIFIED -> certified((CertifiedPredictor) blockPredictor);
            case DIP_CA -> new CacheAwarePredictor(choice.toString(),
                (QuantisedPredictor) blockPredictor, choice.rank() / 100.0);
            default -> blockPredictor;
          };
    }
    return tokenPredictor;
  }

  /** What is proven is what the kernel computes from what it sees. */
  private CertifiedPredictor certified(CertifiedPredictor forBlocks) {
    ModelSpec spec = store.spec();
    TensorType rows = spec.bundle().inner(spec.form());
    if (!model.precision().isInt8For(rows, spec.hidden())) {
      return forBlocks;
    }
    if (rows == TensorType.Q4_1) {
      throw new BadInputException("--predictor " + choice,
          "nothing is proven of Q4_1 rows with activations as bytes", "use --activations float32");
    }
    return forBlocks.forInt8();
  }

  @Override
  public void close() {
    if (tokenPredictor instanceof OraclePredictor oracle) {
      oracle.close();
    }
    model.close();
    arena.close();
  }
}
