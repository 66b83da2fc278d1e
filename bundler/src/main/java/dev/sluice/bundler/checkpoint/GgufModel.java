package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.Architecture.Temper;
import dev.sluice.bundler.checkpoint.GgufArchitecture.HeadRows;
import dev.sluice.bundler.checkpoint.TensorRule.Dimension;
import dev.sluice.bundler.checkpoint.gguf.GgufFile;
import dev.sluice.bundler.checkpoint.gguf.GgufMetadata;
import dev.sluice.bundler.checkpoint.gguf.GgufType;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scales;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import dev.sluice.storage.store.ModelSpec.SlidingWindow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a GGUF file's metadata says of a model, checked: every value within sane limits and in agreement with the others.
 * Only the encoding of the FFN is not here: the tensors decide it.
 */
record GgufModel(
    GgufArchitecture architecture,
    int layers,
    int hidden,
    int feedForward,
    int heads,
    int kvHeads,
    int headSize,
    int vocabulary,
    int contextLength,
    float normEpsilon,
    Rope rope,
    HeadKind head,
    List<Integer> endOfTextIds,
    AttentionForm attention,
    Scales scales) {

  static final String ROPE_FACTORS = "rope_freqs.weight";

  private static final String FACTOR = "rope.scaling.factor";
  private static final String WINDOW = "attention.sliding_window";

  private static final int LAYERS_LIMIT = 10_000;
  private static final int WIDTH_LIMIT = 1 << 18;
  private static final int NEURONS_LIMIT = 1 << 22;
  private static final int VOCABULARY_LIMIT = 1 << 24;
  private static final double UNSAID_THETA = 10_000;

  /** Keys, behind the architecture's name, that change the arithmetic in ways that the graph does not have. */
  private static final List<String> NOT_SUPPORTED =
      List.of(
          "expert_count", "attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale",
          "logit_scale", "residual_scale", "embedding_scale");

  /** Keys that only Gemma's graph has a place for. */
  private static final List<String> CAPS =
      List.of("attn_logit_softcapping", "final_logit_softcapping");

  private static final double USUAL_BETA_FAST = 32;
  private static final double USUAL_BETA_SLOW = 1;
  private static final double YARN_TEMPERATURE = 0.1;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * Reads a model.
   *
   * @throws BadInputException naming the file and the key that is missing, ill-typed, absurd or not supported
   */
  static GgufModel read(GgufFile file) {
    GgufMetadata metadata = file.metadata();
    GgufArchitecture architecture = architecture(metadata);
    String prefix = architecture.name() + ".";
    requireSupported(metadata, architecture, prefix);
    int hidden = metadata.integer(prefix + "embedding_length", 1, WIDTH_LIMIT);
    int heads = metadata.integer(prefix + "attention.head_count", 1, WIDTH_LIMIT);
    int kvHeads =
        metadata.integerOr(prefix + "attention.head_count_kv", 1, WIDTH_LIMIT, heads);
    if (heads % kvHeads != 0) {
      throw metadata.bad(
          prefix + "attention.head_count_kv",
          kvHeads + " does not divide attention.head_count, which is " + heads);
    }
    int headSize = headSize(metadata, prefix, hidden, heads);
    int vocabulary = vocabulary(file);
    int layers = metadata.integer(prefix + "block_count", 1, LAYERS_LIMIT);
    int contextLength = metadata.integer(prefix + "context_length", 1, HfConfig.CONTEXT_LIMIT);
    Rope rope = rope(file, architecture, prefix, headSize, contextLength);
    return new GgufModel(
        architecture,
        layers,
        hidden,
        metadata.integer(prefix + "feed_forward_length", 1, NEURONS_LIMIT),
        heads,
        kvHeads,
        headSize,
        vocabulary,
        contextLength,
        normEpsilon(metadata, prefix + architecture.normEpsilon()),
        rope,
        file.tensors().containsKey("output.weight") ? HeadKind.SEPARATE : HeadKind.TIED,
        GgufTokenizer.endOfText(metadata, vocabulary),
        new AttentionForm(
            (float) (1 / Math.sqrt(
                architecture.oddLayers() == layers ? (double) hidden / heads : headSize)),
            cap(metadata, prefix + CAPS.get(0)),
            window(metadata, architecture, prefix, layers, rope)),
        architecture.family().temper() == Temper.GEMMA
            ? new Scales((float) Math.sqrt(hidden), 1, cap(metadata, prefix + CAPS.get(1)))
            : Scales.NONE);
  }

  /** How many elements a dimension of a tensor has in this model. */
  int size(Dimension dimension) {
    return switch (dimension) {
      case HIDDEN -> hidden;
      case VOCABULARY -> vocabulary;
      case FEED_FORWARD -> feedForward;
      case QUERY -> heads * headSize;
      case KEY_VALUE -> kvHeads * headSize;
      case HEAD_SIZE -> headSize;
      case LEARNED_POSITIONS -> contextLength;
    };
  }

  /** The specification, once the encoding of the FFN is known. */
  ModelSpec spec(BundleFormat bundle) {
    return new ModelSpec(
        architecture.name(),
        layers,
        hidden,
        feedForward,
        heads,
        kvHeads,
        headSize,
        vocabulary,
        contextLength,
        architecture.family().norm(),
        normEpsilon,
        architecture.activation(),
        architecture.family().form(),
        rope,
        head,
        bundle,
        endOfTextIds,
        attention,
        scales);
  }

  private static GgufArchitecture architecture(GgufMetadata metadata) {
    String key = "general.architecture";
    String name = metadata.text(key).orElseThrow(() -> metadata.bad(key, "it is missing"));
    return GgufArchitecture.ofName(name)
        .orElseThrow(
            () -> metadata.bad(
                key,
                Shown.of(name) + " is not supported",
                "use a model of one of these: " + GgufArchitecture.supported()));
  }

  private static void requireSupported(
      GgufMetadata metadata, GgufArchitecture architecture, String prefix) {
    if (metadata.integerOr("split.count", 0, Integer.MAX_VALUE, 1) > 1) {
      throw metadata.bad(
          "split.count", "it is one part of several", "join them with llama-gguf-split --merge");
    }
    String kind = metadata.text("general.type").orElse("model");
    if (!kind.equals("model")) {
      throw metadata.bad(
          "general.type", "it is no model but " + Shown.of(kind), "give the model's own file");
    }
    boolean capped = architecture.family().temper() == Temper.GEMMA;
    for (String key : Stream.concat(NOT_SUPPORTED.stream(), CAPS.stream()).toList()) {
      if (metadata.has(prefix + key) && !(capped && CAPS.contains(key))) {
        throw metadata.bad(
            prefix + key, "the graph cannot compute what it asks for", "use another model");
      }
    }
    if (!metadata.flag(prefix + "attention.causal").orElse(true)) {
      throw metadata.bad(
          prefix + "attention.causal", "only causal models are supported", "use another model");
    }
    if (!architecture.slides()
        && metadata.integerOr(prefix + WINDOW, 0, Integer.MAX_VALUE, 0) > 0) {
      throw metadata.bad(
          prefix + WINDOW, "sliding windows are not supported for " + architecture.name(),
          "use another model");
    }
    if (metadata.has(prefix + WINDOW + "_pattern")) {
      throw metadata.bad(
          prefix + WINDOW + "_pattern", "patterns of its own are not supported",
          "use another model");
    }
  }

  private static float cap(GgufMetadata metadata, String key) {
    float cap = metadata.positive(key).orElse(0.0).floatValue();
    if (!Float.isFinite(cap)) {
      throw metadata.bad(key, "it is beyond float32");
    }
    return cap;
  }

  /** Of every so many layers, all but the last. */
  private static SlidingWindow window(
      GgufMetadata metadata, GgufArchitecture architecture, String prefix, int layers, Rope rope) {
    int positions = metadata.integerOr(prefix + WINDOW, 0, HfConfig.CONTEXT_LIMIT, 0);
    if (!architecture.slides() || positions == 0) {
      return SlidingWindow.NONE;
    }
    int every = architecture.windowEvery();
    List<Integer> sliding =
        IntStream.range(0, layers).filter(layer -> (layer + 1) % every != 0).boxed().toList();
    double theta =
        metadata.positive(prefix + "rope.freq_base_swa").orElse(architecture.slidingTheta());
    return new SlidingWindow(
        positions, sliding, theta == 0 ? rope : new Rope(theta, rope.rotatedSize(), Scaling.NONE));
  }

  private static int headSize(GgufMetadata metadata, String prefix, int hidden, int heads) {
    String key = prefix + "attention.key_length";
    if (!metadata.has(key) && hidden % heads != 0) {
      throw metadata.bad(
          prefix + "embedding_length",
          hidden + " is not divisible by attention.head_count, which is " + heads);
    }
    int headSize = metadata.integerOr(key, 1, WIDTH_LIMIT, hidden / heads);
    if ((long) heads * headSize > WIDTH_LIMIT) {
      throw metadata.bad(
          key, heads + " heads of " + headSize + " elements are more than " + WIDTH_LIMIT);
    }
    String valueKey = prefix + "attention.value_length";
    if (metadata.integerOr(valueKey, 1, WIDTH_LIMIT, headSize) != headSize) {
      throw metadata.bad(
          valueKey, "it differs from attention.key_length", "use a model in which they agree");
    }
    return headSize;
  }

  /** Rows of the embedding: the metadata need not say, and the tokenizer may have fewer tokens. */
  private static int vocabulary(GgufFile file) {
    GgufFile.Tensor embedding = file.tensors().get("token_embd.weight");
    if (embedding == null) {
      throw new BadInputException(
          GgufFile.place(file.file(), "token_embd.weight"),
          "the model needs this tensor, but the file lacks it",
          "fetch or convert the file again");
    }
    long rows = embedding.shape().getFirst();
    if (rows > VOCABULARY_LIMIT) {
      throw new BadInputException(
          file.place(embedding),
          "it has " + rows + " rows, over the limit of " + VOCABULARY_LIMIT,
          "fetch or convert the file again");
    }
    return (int) rows;
  }

  private static float normEpsilon(GgufMetadata metadata, String key) {
    double value = metadata.positive(key).orElseThrow(() -> metadata.bad(key, "it is missing"));
    float epsilon = (float) value;
    if (epsilon == 0 || epsilon >= 1) {
      throw metadata.bad(key, epsilon + " is not between 0 and 1");
    }
    return epsilon;
  }

  private static Rope rope(
      GgufFile file, GgufArchitecture architecture, String prefix, int headSize,
      int contextLength) {
    GgufMetadata metadata = file.metadata();
    String key = prefix + "rope.dimension_count";
    int rotated = metadata.integerOr(key, 2, headSize, headSize);
    if (rotated % 2 != 0) {
      throw metadata.bad(key, "it does not make rotary pairs");
    }
    if (architecture.headRows() == HeadRows.INTERLEAVED && rotated != headSize) {
      throw metadata.bad(
          key,
          "it is " + rotated + " of " + headSize + ", and heads that rotate in part are not"
              + " supported for " + architecture.name(),
          "use another model");
    }
    double theta = metadata.positive(prefix + "rope.freq_base").orElse(UNSAID_THETA);
    Scaling scaling = scaling(metadata, prefix, contextLength);
    if (file.tensors().containsKey(ROPE_FACTORS)) {
      if (scaling.kind() != ScalingKind.NONE) {
        throw metadata.bad(
            prefix + "rope.scaling.type", "there is " + ROPE_FACTORS + " as well as a scaling");
      }
      scaling = scalingOf(file, file.tensors().get(ROPE_FACTORS), theta, rotated);
    }
    return new Rope(theta, rotated, scaling);
  }

  private static Scaling scaling(
      GgufMetadata metadata, String prefix, int contextLength) {
    String key = prefix + "rope.scaling.type";
    // Older files say the factor alone.
    String older = prefix + "rope.scale_linear";
    String kind = metadata.text(key).orElse(metadata.has(older) ? "linear" : "none");
    return switch (kind) {
      case "none" -> Scaling.NONE;
      case "linear" -> {
        double factor = factor(metadata, metadata.has(older) ? older : prefix + FACTOR);
        yield factor == 1 ? Scaling.NONE : new Scaling(ScalingKind.LINEAR, factor, 0, 0, 0);
      }
      case "yarn" -> {
        double factor = factor(metadata, prefix + FACTOR);
        String scalingPrefix = prefix + "rope.scaling.";
        double fast =
            metadata.positive(scalingPrefix + "yarn_beta_fast").orElse(USUAL_BETA_FAST);
        double slow =
            metadata.positive(scalingPrefix + "yarn_beta_slow").orElse(USUAL_BETA_SLOW);
        if (fast <= slow) {
          throw metadata.bad(scalingPrefix + "yarn_beta_fast", "it is not above yarn_beta_slow");
        }
        double amplitude = metadata.positive(scalingPrefix + "attn_factor").orElse(1.0);
        yield new Scaling(
            ScalingKind.YARN, factor, slow, fast,
            metadata.integerOr(
                scalingPrefix + "original_context_length", 1, HfConfig.CONTEXT_LIMIT,
                contextLength),
            amplitude * (1 + YARN_TEMPERATURE * Math.log(factor)));
      }
      default ->
          throw metadata.bad(
              key,
              Shown.of(kind) + " is not supported",
              "use a model with none, linear, llama3 or yarn scaling");
    };
  }

  private static double factor(GgufMetadata metadata, String key) {
    double factor = metadata.positive(key).orElseThrow(() -> metadata.bad(key, "it is missing"));
    if (factor < 1) {
      throw metadata.bad(key, "it is below 1");
    }
    return factor;
  }

  private static Scaling scalingOf(
      GgufFile file, GgufFile.Tensor factors, double theta, int rotated) {
    if (factors.type() != GgufType.F32 || !factors.shape().equals(List.of(rotated / 2L))) {
      throw new BadInputException(
          file.place(factors),
          "it is not F32 of shape [" + rotated / 2 + "]",
          "fetch or convert the file again");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(factors.bytes());
      file.read(factors, 0, data);
      return RopeFactors.llama3(data.toArray(FLOAT), theta, rotated)
          .orElseThrow(
              () -> new BadInputException(
                  file.place(factors),
                  "its divisors are not those of a llama3 scaling",
                  "use a model with none, linear or llama3 scaling"));
    }
  }
}
