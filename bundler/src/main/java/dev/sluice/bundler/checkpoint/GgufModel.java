package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.GgufArchitecture.HeadRows;
import dev.sluice.bundler.checkpoint.TensorRule.Dimension;
import dev.sluice.bundler.checkpoint.gguf.GgufFile;
import dev.sluice.bundler.checkpoint.gguf.GgufMetadata;
import dev.sluice.bundler.checkpoint.gguf.GgufType;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

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
    List<Integer> endOfTextIds) {

  static final String ROPE_FACTORS = "rope_freqs.weight";

  private static final int LAYERS_LIMIT = 10_000;
  private static final int WIDTH_LIMIT = 1 << 18;
  private static final int NEURONS_LIMIT = 1 << 22;
  private static final int VOCABULARY_LIMIT = 1 << 24;
  private static final double UNSAID_THETA = 10_000;

  /** Keys, behind the architecture's name, that change the arithmetic in ways that the graph does not have. */
  private static final List<String> NOT_SUPPORTED =
      List.of(
          "expert_count", "attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale",
          "attn_logit_softcapping", "final_logit_softcapping", "logit_scale", "residual_scale",
          "embedding_scale");

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
    requireSupported(metadata, prefix);
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
    return new GgufModel(
        architecture,
        metadata.integer(prefix + "block_count", 1, LAYERS_LIMIT),
        hidden,
        metadata.integer(prefix + "feed_forward_length", 1, NEURONS_LIMIT),
        heads,
        kvHeads,
        headSize,
        vocabulary,
        metadata.integer(prefix + "context_length", 1, HfConfig.CONTEXT_LIMIT),
        normEpsilon(metadata, prefix + "attention.layer_norm_rms_epsilon"),
        rope(file, architecture, prefix, headSize),
        file.tensors().containsKey("output.weight") ? HeadKind.SEPARATE : HeadKind.TIED,
        GgufTokenizer.endOfText(metadata, vocabulary));
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
        architecture.norm(),
        normEpsilon,
        architecture.activation(),
        architecture.form(),
        rope,
        head,
        bundle,
        endOfTextIds);
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

  private static void requireSupported(GgufMetadata metadata, String prefix) {
    if (metadata.integerOr("split.count", 0, Integer.MAX_VALUE, 1) > 1) {
      throw metadata.bad(
          "split.count", "it is one part of several", "join them with llama-gguf-split --merge");
    }
    String kind = metadata.text("general.type").orElse("model");
    if (!kind.equals("model")) {
      throw metadata.bad(
          "general.type", "it is no model but " + Shown.of(kind), "give the model's own file");
    }
    for (String key : NOT_SUPPORTED) {
      if (metadata.has(prefix + key)) {
        throw metadata.bad(
            prefix + key, "the graph cannot compute what it asks for", "use another model");
      }
    }
    if (!metadata.flag(prefix + "attention.causal").orElse(true)) {
      throw metadata.bad(
          prefix + "attention.causal", "only causal models are supported", "use another model");
    }
    String window = prefix + "attention.sliding_window";
    if (metadata.integerOr(window, 0, Integer.MAX_VALUE, 0) > 0) {
      throw metadata.bad(window, "sliding windows are not supported", "use another model");
    }
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
      GgufFile file, GgufArchitecture architecture, String prefix, int headSize) {
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
    Scaling scaling = scaling(metadata, prefix);
    if (file.tensors().containsKey(ROPE_FACTORS)) {
      if (scaling.kind() != ScalingKind.NONE) {
        throw metadata.bad(
            prefix + "rope.scaling.type", "there is " + ROPE_FACTORS + " as well as a scaling");
      }
      scaling = scalingOf(file, file.tensors().get(ROPE_FACTORS), theta, rotated);
    }
    return new Rope(theta, rotated, scaling);
  }

  private static Scaling scaling(GgufMetadata metadata, String prefix) {
    String key = prefix + "rope.scaling.type";
    // Older files say the factor alone.
    String older = prefix + "rope.scale_linear";
    String kind = metadata.text(key).orElse(metadata.has(older) ? "linear" : "none");
    return switch (kind) {
      case "none" -> Scaling.NONE;
      case "linear" -> {
        String factorKey = metadata.has(older) ? older : prefix + "rope.scaling.factor";
        double factor = metadata.positive(factorKey)
            .orElseThrow(() -> metadata.bad(factorKey, "it is missing"));
        if (factor < 1) {
          throw metadata.bad(factorKey, "it is below 1");
        }
        yield factor == 1 ? Scaling.NONE : new Scaling(ScalingKind.LINEAR, factor, 0, 0, 0);
      }
      default ->
          throw metadata.bad(
              key,
              Shown.of(kind) + " is not supported",
              "use a model with none, linear or llama3 scaling");
    };
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
