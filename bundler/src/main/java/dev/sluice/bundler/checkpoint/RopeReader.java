package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.Architecture.Unsaid;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import java.util.Optional;

/**
 * Reads the rotary embedding from config.json in its spellings: {@code rope_parameters} (one
 * object, or one for each kind of layer), and the older {@code rope_theta} with {@code
 * rope_scaling} and, for sliding layers, {@code rope_local_base_freq}. Where a file has two of
 * them, they must agree.
 */
final class RopeReader {
  private static final String THETA = "rope_theta";
  private static final String SLIDING_THETA = "rope_local_base_freq";
  private static final String PARTIAL = "partial_rotary_factor";
  private static final String PARAMETERS = "rope_parameters";
  private static final String SCALING = "rope_scaling";
  private static final String FULL = "full_attention";
  private static final String SLIDING = "sliding_attention";
  private static final String ORIGINAL_CONTEXT = "original_max_position_embeddings";

  // YaRN's own values (Peng et al. 2023) for what a file leaves out.
  private static final double USUAL_BETA_FAST = 32;
  private static final double USUAL_BETA_SLOW = 1;
  private static final double YARN_TEMPERATURE = 0.1;

  private final ConfigReader config;
  private final int headSize;
  private final int contextLength;
  private final Unsaid unsaid;

  /**
   * @param headSize elements per head
   * @param contextLength what a scaling stretches from if it does not say
   */
  RopeReader(ConfigReader config, int headSize, int contextLength, Unsaid unsaid) {
    this.config = config;
    this.headSize = headSize;
    this.contextLength = contextLength;
    this.unsaid = unsaid;
  }

  /**
   * The model's rotary embedding.
   *
   * @throws dev.sluice.storage.BadInputException naming config.json and the key
   */
  Rope read() {
    if (unsaid.rotatedShare() == 0) {
      return new Rope(0, 0, Scaling.NONE);
    }
    Optional<ConfigReader> whole = config.object(PARAMETERS);
    Optional<ConfigReader> parameters =
        whole.map(all -> all.has(FULL) ? all.object(FULL).orElseThrow() : all);
    Optional<ConfigReader> scaling = config.object(SCALING);
    if (parameters.isPresent()) {
      Scaling chosen = scaling(parameters.get());
      if (scaling.isPresent() && !scaling(scaling.get()).equals(chosen)) {
        throw config.bad(SCALING, "it contradicts " + PARAMETERS);
      }
      ConfigReader thetaSource = parameters.get().has(THETA) ? parameters.get() : config;
      double theta = theta(thetaSource);
      if (config.has(THETA) && theta(config) != theta) {
        throw config.bad(THETA, "it contradicts " + PARAMETERS + "." + THETA);
      }
      ConfigReader partialSource = parameters.get().has(PARTIAL) ? parameters.get() : config;
      return new Rope(theta, rotatedSize(partialSource), chosen);
    }
    return new Rope(
        theta(config),
        rotatedSize(config),
        scaling.map(this::scaling).orElse(Scaling.NONE));
  }

  /** The rotary embedding of sliding layers, where {@code others} is the model's. */
  Rope readSliding(Rope others) {
    Optional<ConfigReader> own =
        config.object(PARAMETERS).flatMap(parameters -> parameters.object(SLIDING));
    if (own.isPresent()) {
      double theta =
          own.get().has(THETA) || unsaid.slidingTheta() == 0
              ? theta(own.get())
              : unsaid.slidingTheta();
      return new Rope(theta, rotatedSize(own.get()), scaling(own.get()));
    }
    if (unsaid.slidingTheta() == 0) {
      return others;
    }
    double theta =
        config.has(SLIDING_THETA) ? config.positive(SLIDING_THETA) : unsaid.slidingTheta();
    return new Rope(theta, others.rotatedSize(), Scaling.NONE);
  }

  private double theta(ConfigReader source) {
    return source.has(THETA) ? source.positive(THETA) : unsaid.theta();
  }

  private int rotatedSize(ConfigReader source) {
    double share = source.has(PARTIAL) ? source.positive(PARTIAL) : unsaid.rotatedShare();
    int rotated = share > 1 ? 0 : (int) (headSize * share);
    if (rotated < 2 || rotated % 2 != 0) {
      String key = source.has(PARTIAL) ? PARTIAL : "head_dim";
      throw source.bad(
          key, "it does not make rotary pairs (head size " + headSize + ", share " + share + ")");
    }
    return rotated;
  }

  private Scaling scaling(ConfigReader scaling) {
    // Files older still say "type"; "rope_type" wins where both stand, as in the library that wrote
    // them.
    String key = scaling.has("rope_type") || !scaling.has("type") ? "rope_type" : "type";
    String kind = scaling.string(key);
    return switch (kind) {
      case "default" -> Scaling.NONE;
      case "linear" -> new Scaling(ScalingKind.LINEAR, factor(scaling), 0, 0, 0);
      case "llama3" -> llama3(scaling);
      case "yarn" -> yarn(scaling);
      default ->
          throw scaling.bad(
              key,
              Shown.of(kind) + " is not supported",
              "use a model with default, linear, llama3 or yarn scaling");
    };
  }

  private static Scaling llama3(ConfigReader scaling) {
    double low = scaling.positive("low_freq_factor");
    double high = scaling.positive("high_freq_factor");
    if (high <= low) {
      throw scaling.bad("high_freq_factor", "it is not above low_freq_factor");
    }
    int originalContext = scaling.integer(ORIGINAL_CONTEXT, 1, HfConfig.CONTEXT_LIMIT);
    return new Scaling(ScalingKind.LLAMA3, factor(scaling), low, high, originalContext);
  }

  private Scaling yarn(ConfigReader scaling) {
    if (!scaling.flag("truncate").orElse(true)) {
      throw scaling.bad("truncate", "ramps that begin between two pairs are not supported");
    }
    double factor = factor(scaling);
    double fast = positiveOr(scaling, "beta_fast", USUAL_BETA_FAST);
    double slow = positiveOr(scaling, "beta_slow", USUAL_BETA_SLOW);
    if (fast <= slow) {
      throw scaling.bad("beta_fast", "it is not above beta_slow");
    }
    int originalContext =
        scaling.integerOr(ORIGINAL_CONTEXT, 1, HfConfig.CONTEXT_LIMIT, contextLength);
    double amplitude = 1 + YARN_TEMPERATURE * Math.log(factor);
    if (scaling.has("mscale") && scaling.has("mscale_all_dim")) {
      amplitude =
          (1 + YARN_TEMPERATURE * scaling.positive("mscale") * Math.log(factor))
              / (1 + YARN_TEMPERATURE * scaling.positive("mscale_all_dim") * Math.log(factor));
    }
    return new Scaling(
        ScalingKind.YARN, factor, slow, fast, originalContext,
        positiveOr(scaling, "attention_factor", amplitude));
  }

  private static double positiveOr(ConfigReader scaling, String key, double unsaid) {
    return scaling.has(key) ? scaling.positive(key) : unsaid;
  }

  private static double factor(ConfigReader scaling) {
    double factor = scaling.positive("factor");
    if (factor < 1) {
      throw scaling.bad("factor", "it is below 1");
    }
    return factor;
  }
}
