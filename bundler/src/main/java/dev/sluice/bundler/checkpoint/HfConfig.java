package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.TensorRule.Dimension;
import dev.sluice.bundler.checkpoint.TensorRule.Presence;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scales;
import dev.sluice.storage.store.ModelSpec.SlidingWindow;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What config.json says of a model, checked: every value within sane limits and in agreement with
 * the others. Only the element type of the FFN is not here: the weights decide it.
 *
 * @param presences which conditional tensors the checkpoint must have
 */
record HfConfig(
    Architecture architecture,
    int layers,
    int hidden,
    int feedForward,
    int heads,
    int kvHeads,
    int headSize,
    int vocabulary,
    int contextLength,
    float normEpsilon,
    Activation activation,
    Rope rope,
    HeadKind head,
    List<Integer> endOfTextIds,
    AttentionForm attention,
    Scales scales,
    Set<Presence> presences) {

  static final int CONTEXT_LIMIT = 1 << 28;
  private static final int LAYERS_LIMIT = 10_000;
  private static final int WIDTH_LIMIT = 1 << 18;
  private static final int NEURONS_LIMIT = 1 << 22;
  private static final int VOCABULARY_LIMIT = 1 << 24;
  private static final double USUAL_QUERY_SCALAR = 256;

  /**
   * Reads a configuration.
   *
   * @param file for messages
   * @throws BadInputException naming the file and the key that is missing, ill-typed, absurd or not
   *     supported
   */
  static HfConfig read(Path file, byte[] json) {
    ConfigReader config = ConfigReader.of(file, json);
    Architecture architecture = architecture(config);
    if (config.has("quantization_config")) {
      throw config.bad(
          "quantization_config",
          "quantised checkpoints are not supported",
          "give the model's F32, F16 or BF16 weights");
    }
    requireFlags(config, architecture);
    int hidden = config.integer("hidden_size", 1, WIDTH_LIMIT);
    requireEmbeddingWidth(config, hidden);
    int heads = config.integer("num_attention_heads", 1, WIDTH_LIMIT);
    int headSize = headSize(config, hidden, heads);
    int kvHeads = config.integerOr("num_key_value_heads", 1, WIDTH_LIMIT, heads);
    if (heads % kvHeads != 0) {
      throw config.bad(
          "num_key_value_heads",
          kvHeads + " does not divide num_attention_heads, which is " + heads);
    }
    int vocabulary = config.integer("vocab_size", 1, VOCABULARY_LIMIT);
    HeadKind head =
        config
            .flag("tie_word_embeddings")
            .map(tied -> tied ? HeadKind.TIED : HeadKind.SEPARATE)
            .orElse(architecture.unsaid().head());
    int layers = config.integer("num_hidden_layers", 1, LAYERS_LIMIT);
    int contextLength = config.integer("max_position_embeddings", 1, CONTEXT_LIMIT);
    RopeReader ropes = new RopeReader(config, headSize, contextLength, architecture.unsaid());
    Rope rope = ropes.read();
    SlidingWindow window =
        new SlidingReader(config, architecture.sliding(), layers).read(ropes.readSliding(rope));
    return new HfConfig(
        architecture,
        layers,
        hidden,
        config.integer(architecture.keys().feedForward(), 1, NEURONS_LIMIT),
        heads,
        kvHeads,
        headSize,
        vocabulary,
        contextLength,
        normEpsilon(config, architecture),
        activation(config, architecture.keys().activation()),
        rope,
        head,
        config.integers("eos_token_id", 0, vocabulary - 1),
        attention(config, architecture.temper(), headSize, window),
        scales(config, architecture.temper(), hidden),
        presences(config, head));
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
      case LEARNED_POSITIONS -> contextLength + 2;
    };
  }

  /** The specification, once the encoding of the FFN is known. */
  ModelSpec spec(BundleFormat bundle) {
    return new ModelSpec(
        architecture.family(),
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
        activation,
        architecture.form(),
        rope,
        head,
        bundle,
        endOfTextIds,
        attention,
        scales);
  }

  private static Architecture architecture(ConfigReader config) {
    String className = config.strings("architectures").getFirst();
    return Architecture.ofClassName(className)
        .orElseThrow(
            () -> config.bad(
                "architectures",
                Shown.of(className) + " is not supported",
                "use a model of one of these: " + Architecture.supported()));
  }

  private static int headSize(ConfigReader config, int hidden, int heads) {
    if (!config.has("head_dim") && hidden % heads != 0) {
      throw config.bad(
          "hidden_size", hidden + " is not divisible by num_attention_heads, which is " + heads);
    }
    int headSize = config.integerOr("head_dim", 1, WIDTH_LIMIT, hidden / heads);
    if ((long) heads * headSize > WIDTH_LIMIT) {
      throw config.bad(
          "head_dim", heads + " heads of " + headSize + " elements are more than " + WIDTH_LIMIT);
    }
    return headSize;
  }

  private static void requireFlags(ConfigReader config, Architecture architecture) {
    for (Map.Entry<String, Boolean> flag : architecture.flags().entrySet()) {
      if (!config.flag(flag.getKey()).orElse(flag.getValue()).equals(flag.getValue())) {
        throw config.bad(
            flag.getKey(),
            "it must be " + flag.getValue() + " here",
            "use another model of this family");
      }
    }
  }

  private static void requireEmbeddingWidth(ConfigReader config, int hidden) {
    int width = config.integerOr("word_embed_proj_dim", 1, WIDTH_LIMIT, hidden);
    if (width != hidden) {
      throw config.bad(
          "word_embed_proj_dim",
          "embeddings of " + width + " elements beside a hidden size of " + hidden
              + " are not supported",
          "use another model of this family");
    }
  }

  private static AttentionForm attention(
      ConfigReader config, Architecture.Temper temper, int headSize, SlidingWindow window) {
    return switch (temper) {
      case PLAIN -> new AttentionForm(AttentionForm.plain(headSize).scoreScale(), 0, window);
      case GEMMA -> {
        String key = "query_pre_attn_scalar";
        double scalar = config.has(key) ? config.positive(key) : USUAL_QUERY_SCALAR;
        yield new AttentionForm(
            scaleOf(config, key, 1 / Math.sqrt(scalar)),
            cap(config, "attn_logit_softcapping"),
            window);
      }
    };
  }

  private static Scales scales(ConfigReader config, Architecture.Temper temper, int hidden) {
    return switch (temper) {
      case PLAIN -> Scales.NONE;
      case GEMMA ->
          new Scales((float) Math.sqrt(hidden), 1, cap(config, "final_logit_softcapping"));
    };
  }

  private static float cap(ConfigReader config, String key) {
    return config.has(key) ? scaleOf(config, key, config.positive(key)) : 0;
  }

  /** A number as float32, which must not end as 0 or infinity. */
  private static float scaleOf(ConfigReader config, String key, double value) {
    float scale = (float) value;
    if (!(scale > 0) || !Float.isFinite(scale)) {
      throw config.bad(key, "it is too large or too small");
    }
    return scale;
  }

  private static float normEpsilon(ConfigReader config, Architecture architecture) {
    String key = architecture.keys().normEpsilon();
    float unsaid = architecture.unsaid().normEpsilon();
    if (unsaid > 0 && !config.has(key)) {
      return unsaid;
    }
    float epsilon = (float) config.positive(key);
    if (epsilon == 0 || epsilon >= 1) {
      throw config.bad(key, epsilon + " is not between 0 and 1");
    }
    return epsilon;
  }

  private static Activation activation(ConfigReader config, String key) {
    String name = config.string(key);
    return switch (name) {
      case "relu" -> Activation.RELU;
      case "relu2" -> Activation.RELU2;
      case "silu", "swish" -> Activation.SILU;
      case "gelu_pytorch_tanh" -> Activation.GELU_TANH;
      default ->
          throw config.bad(
              key,
              Shown.of(name) + " is not supported",
              "use a model with relu, relu2, silu, swish or gelu_pytorch_tanh");
    };
  }

  private static Set<Presence> presences(ConfigReader config, HeadKind head) {
    EnumSet<Presence> presences = EnumSet.of(Presence.ALWAYS);
    if (config.flag("attention_bias").orElse(false)) {
      presences.add(Presence.ATTENTION_BIAS);
    }
    if (config.flag("mlp_bias").orElse(false)) {
      presences.add(Presence.MLP_BIAS);
    }
    if (config.flag("enable_bias").orElse(true)) {
      presences.add(Presence.ENABLE_BIAS);
    }
    if (head == HeadKind.SEPARATE) {
      presences.add(Presence.SEPARATE_HEAD);
    }
    return presences;
  }
}
