package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.DenseLoading;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Everything of a model but its FFN weights: embedding, norms, attention, head, resident in memory. Immutable and
 * thread-safe; callers bring hidden states, a {@link KvCache} and a {@link Scratch}. Owns its memory until closed.
 */
public final class Model implements AutoCloseable {
  private static final String EMBEDDING = "embed";

  private final ModelSpec spec;
  private final Kernels kernels;
  private final ActivationPrecision precision;
  private final Arena arena;
  private final MemorySegment dense;
  private final Map<String, DenseTensor> tensors = new HashMap<>();
  private final Store store;
  private final long denseBytes;
  private final Embedding embedding;
  private final Optional<Linear> positions; // learned ones, a row each
  private final Linear head;
  private final Norm finalNorm;
  private final List<Attention> attention = new ArrayList<>();
  private final List<Norm> ffnNorms = new ArrayList<>();
  private final List<FfnOutput> ffnOutputs = new ArrayList<>();

  private Model(Store store, Kernels kernels, ActivationPrecision precision, Workers workers,
      Arena arena) {
    this.store = store;
    this.kernels = kernels;
    this.precision = precision;
    this.arena = arena;
    this.spec = store.spec();
    boolean tied = spec.head() == ModelSpec.HeadKind.TIED;
    store.denseTensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
    DenseLoading loading = store.denseLoading(arena, tied ? Set.of() : Set.of(EMBEDDING));
    workers.parallelFor(loading.pieces(), loading::read);
    this.dense = loading.memory();
    this.denseBytes =
        tensors.values().stream()
            .filter(tensor -> tied || !tensor.name().equals(EMBEDDING))
            .mapToLong(DenseTensor::bytes)
            .sum();
    int hidden = spec.hidden();
    DenseTensor vectors = required(EMBEDDING);
    requireShape(vectors, List.of(spec.vocabulary(), hidden));
    head = linear(spec.headTensor(), spec.vocabulary(), hidden);
    embedding =
        tied ? Embedding.resident(store, vectors, head) : Embedding.onDisk(store, vectors);
    positions = tensors.containsKey("positions")
        ? Optional.of(linear("positions", spec.contextLength(), hidden))
        : Optional.empty();
    finalNorm = norm("norm", hidden);
    float[] factors = vector("rope.factors", spec.rope().rotatedSize() / 2, Presence.OPTIONAL);
    RopeTable rope = new RopeTable(spec.rope(), factors);
    RopeTable slidingRope = new RopeTable(spec.attention().window().rope(), new float[0]);
    HeadMixer mixer = new HeadMixer(spec, kernels, Integer.MAX_VALUE);
    HeadMixer slidingMixer =
        new HeadMixer(spec, kernels, Math.max(1, spec.attention().window().positions()));
    for (int layer = 0; layer < spec.layers(); layer++) {
      boolean slides = spec.slides(layer);
      attention.add(
          attention("layers." + layer + ".attention.", slides ? slidingRope : rope,
              slides ? slidingMixer : mixer));
      String ffn = "layers." + layer + ".ffn.";
      ffnNorms.add(norm(ffn + "norm", hidden));
      ffnOutputs.add(
          new FfnOutput(
              kernels,
              spec.feedForward(),
              neuronNorm(ffn + "sub_norm"),
              ffnBias(layer, "down"),
              optionalNorm(ffn + "post_norm", hidden)));
    }
  }

  private Attention attention(String prefix, RopeTable rope, HeadMixer mixer) {
    int hidden = spec.hidden();
    int qSize = spec.heads() * spec.headSize();
    int kvSize = spec.kvHeads() * spec.headSize();
    return new Attention(
        spec,
        kernels,
        rope,
        mixer,
        new Attention.Projections(
            linear(prefix + "q", qSize, hidden),
            linear(prefix + "k", kvSize, hidden),
            linear(prefix + "v", kvSize, hidden),
            linear(prefix + "o", hidden, qSize)),
        new Attention.Norms(
            norm(prefix + "norm", hidden),
            optionalNorm(prefix + "q_norm", spec.headSize()),
            optionalNorm(prefix + "k_norm", spec.headSize()),
            optionalNorm(prefix + "sub_norm", qSize),
            optionalNorm(prefix + "post_norm", hidden)));
  }

  /**
   * Loads the resident tensors of a store.
   *
   * @param precision of single tokens' activations
   * @param workers read pieces in parallel
   * @throws BadInputException if a tensor that the graph needs is missing or has another shape
   */
  public static Model load(
      Store store, Kernels kernels, ActivationPrecision precision, Workers workers) {
    Arena arena = Arena.ofShared();
    try {
      return new Model(store, kernels, precision, workers, arena);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  public ModelSpec spec() {
    return spec;
  }

  public Kernels kernels() {
    return kernels;
  }

  /** In what form single tokens' activations meet quantised rows. */
  public ActivationPrecision precision() {
    return precision;
  }

  /** Bytes of tensors that are resident. */
  public long denseBytes() {
    return denseBytes;
  }

  /**
   * The embedding of a token at a position, float32, into {@code x[offset .. offset + hidden)}.
   *
   * @throws BadInputException if the model has learned positions and not this one
   */
  public void embed(int token, int position, float[] x, int offset, Scratch scratch) {
    int hidden = spec.hidden();
    embedding.copyRow(kernels, token, x, offset, scratch);
    float scale = spec.scales().embedding();
    if (scale != 1) {
      for (int j = offset; j < offset + hidden; j++) {
        x[j] *= scale;
      }
    }
    if (positions.isPresent()) {
      requireLearned(position);
      float[] row = scratch.output(hidden);
      positions.get().copyRow(kernels, position, row, 0, scratch);
      for (int j = 0; j < hidden; j++) {
        x[offset + j] += row[j];
      }
    }
  }

  private void requireLearned(int position) {
    if (position >= spec.contextLength()) {
      throw new BadInputException(
          store.folder(),
          "it has learned " + spec.contextLength() + " positions, and the text is longer",
          "give a shorter text, or a --ctx-size of at most that");
    }
  }

  /** See {@link Attention#project}. */
  public void projectAttention(
      int layer, float[] x, int xOffset, int firstPosition, int count, float[] q, int qOffset,
      KvCache.Layer kv,
      Workers workers, Scratch scratch) {
    attention.get(layer).project(x, xOffset, firstPosition, count, q, qOffset, kv, workers,
        scratch);
  }

  /** See {@link Attention#mix}. */
  public void mixAttention(
      int layer, float[] q, int qOffset, int firstPosition, int count, KvCache.Layer kv, float[] x,
      int xOffset,
      Workers workers, Scratch scratch) {
    attention.get(layer).mix(q, qOffset, firstPosition, count, kv, x, xOffset, workers, scratch);
  }

  /** The FFN's input: the layer's second norm over {@code count} positions. */
  public void normFfn(int layer, float[] x, int xOffset, int count, float[] normed,
      int normedOffset) {
    int hidden = spec.hidden();
    for (int t = 0; t < count; t++) {
      ffnNorms.get(layer).apply(kernels, x, xOffset + t * hidden, normed,
          normedOffset + t * hidden);
    }
  }

  /** What the FFN of a layer does with the outputs of its neurons. */
  public FfnOutput ffnOutput(int layer) {
    return ffnOutputs.get(layer);
  }

  /** Logits of one position. */
  public void logits(float[] x, int xOffset, float[] logits, Workers workers, Scratch scratch) {
    float[] normed = scratch.normed(spec.hidden());
    finalNorm.apply(kernels, x, xOffset, normed, 0);
    head.applyOne(kernels, workers, normed, 0, logits, 0, scratch);
    scale(logits, spec.vocabulary());
  }

  /** Logits of {@code count} positions, count × vocabulary. Single-threaded. */
  public void logitsBlock(float[] x, int xOffset, int count, float[] logits, Scratch scratch) {
    int hidden = spec.hidden();
    float[] normed = scratch.normed(count * hidden);
    for (int t = 0; t < count; t++) {
      finalNorm.apply(kernels, x, xOffset + t * hidden, normed, t * hidden);
    }
    head.applyBlock(kernels, normed, 0, count, logits, 0, scratch);
    scale(logits, count * spec.vocabulary());
  }

  private void scale(float[] logits, int size) {
    float scale = spec.scales().logits();
    if (scale != 1) {
      for (int v = 0; v < size; v++) {
        logits[v] *= scale;
      }
    }
    SoftCap.apply(kernels, spec.scales().logitCap(), logits, 0, size);
  }

  /** The bias vector of an FFN row kind ("gate", "up" or "down"), empty when the model has none. */
  public float[] ffnBias(int layer, String kind) {
    int size = kind.equals("down") ? spec.hidden() : spec.feedForward();
    return vector("layers." + layer + ".ffn." + kind + ".bias", size, Presence.OPTIONAL);
  }

  /** A resident matrix beside the graph's own, if the store has it. */
  public Optional<ResidentMatrix> matrix(String name, int rows, int columns) {
    DenseTensor tensor = tensors.get(name);
    if (tensor == null) {
      return Optional.empty();
    }
    requireShape(tensor, List.of(rows, columns));
    return Optional.of(
        new ResidentMatrix(tensor.type(), dense, tensor.offsetBytes(), rows, columns));
  }

  /**
   * The same, where the model cannot do without.
   *
   * @throws BadInputException if the store lacks it
   */
  public ResidentMatrix requiredMatrix(String name, int rows, int columns) {
    required(name);
    return matrix(name, rows, columns).orElseThrow();
  }

  @Override
  public void close() {
    arena.close();
  }

  private enum Presence {
    REQUIRED,
    OPTIONAL
  }

  private Norm norm(String name, int size) {
    return new Norm(
        spec.norm(),
        spec.normEpsilon(),
        vector(name + ".weight", size, Presence.REQUIRED),
        vector(name + ".bias", size, Presence.OPTIONAL));
  }

  private Optional<Norm> optionalNorm(String name, int size) {
    return tensors.containsKey(name + ".weight") ? Optional.of(norm(name, size))
        : Optional.empty();
  }

  private Optional<Norm> neuronNorm(String name) {
    Optional<Norm> norm = optionalNorm(name, spec.feedForward());
    if (norm.isPresent()
        && (norm.get().kind() != ModelSpec.NormKind.RMS || norm.get().bias().length > 0)) {
      throw new BadInputException(
          store.folder(),
          "its " + name + " would move neurons that are silent away from zero",
          "use a model whose FFN has a root-mean-square norm, or none, inside");
    }
    return norm;
  }

  private Linear linear(String name, int rows, int cols) {
    DenseTensor tensor = tensors.get(name + ".weight");
    if (tensor == null) {
      tensor = required(name);
    }
    requireShape(tensor, List.of(rows, cols));
    float[] bias = vector(name + ".bias", rows, Presence.OPTIONAL);
    return new Linear(tensor.type(), dense, tensor.offsetBytes(), rows, cols, bias,
        precision);
  }

  private float[] vector(String name, int size, Presence presence) {
    DenseTensor tensor = presence == Presence.REQUIRED ? required(name) : tensors.get(name);
    if (tensor == null) {
      return new float[0];
    }
    requireShape(tensor, List.of(size));
    int n = size;
    float[] arranged = new float[n];
    float[] values = new float[n];
    kernels.widen(tensor.type(), dense, tensor.offsetBytes(), arranged, 0, n);
    kernels.restore(tensor.type(), arranged, 0, values, 0, n);
    return values;
  }

  private void requireShape(DenseTensor tensor, List<Integer> shape) {
    if (!tensor.shape().equals(shape)) {
      throw new BadInputException(
          store.folder(),
          "tensor " + tensor.name() + " has shape " + tensor.shape() + " where the model needs "
              + shape,
          "import the checkpoint again");
    }
  }

  private DenseTensor required(String name) {
    DenseTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new BadInputException(
          store.folder(), "the store has no tensor " + name, "import the checkpoint again");
    }
    return tensor;
  }
}
