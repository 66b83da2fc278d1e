package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import java.util.Optional;

/**
 * Reads the rotary embedding from config.json in both spellings: {@code rope_parameters} (one
 * object), and the older {@code rope_theta} with {@code rope_scaling}. Where a file has both, they
 * must agree.
 */
final class RopeReader {
  /** What the older spelling leaves unsaid when it lacks {@code rope_theta}. */
  private static final double UNSAID_THETA = 10_000;

  private static final String THETA = "rope_theta";
  private static final String PARTIAL = "partial_rotary_factor";

  private RopeReader() {}

  /**
   * @param headSize elements per head
   * @throws dev.sluice.storage.BadInputException naming config.json and the key
   */
  static Rope read(ConfigReader config, int headSize) {
    Optional<ConfigReader> parameters = config.object("rope_parameters");
    Optional<ConfigReader> scaling = config.object("rope_scaling");
    if (parameters.isPresent()) {
      Scaling chosen = scaling(parameters.get());
      if (scaling.isPresent() && !scaling(scaling.get()).equals(chosen)) {
        throw config.bad("rope_scaling", "it contradicts rope_parameters");
      }
      ConfigReader thetaSource = parameters.get().has(THETA) ? parameters.get() : config;
      double theta = theta(thetaSource);
      if (config.has(THETA) && theta(config) != theta) {
        throw config.bad(THETA, "it contradicts rope_parameters." + THETA);
      }
      ConfigReader partialSource = parameters.get().has(PARTIAL) ? parameters.get() : config;
      return new Rope(theta, rotatedSize(partialSource, headSize), chosen);
    }
    return new Rope(
        theta(config),
        rotatedSize(config, headSize),
        scaling.map(RopeReader::scaling).orElse(Scaling.NONE));
  }

  private static double theta(ConfigReader config) {
    return config.has(THETA) ? config.positive(THETA) : UNSAID_THETA;
  }

  private static int rotatedSize(ConfigReader config, int headSize) {
    double share = config.has(PARTIAL) ? config.positive(PARTIAL) : 1;
    int rotated = share > 1 ? 0 : (int) (headSize * share);
    if (rotated < 2 || rotated % 2 != 0) {
      String key = config.has(PARTIAL) ? PARTIAL : "head_dim";
      throw config.bad(
          key, "it does not make rotary pairs (head size " + headSize + ", share " + share + ")");
    }
    return rotated;
  }

  private static Scaling scaling(ConfigReader scaling) {
    // Files older still say "type"; "rope_type" wins where both stand, as in the library that wrote
    // them.
    String key = scaling.has("rope_type") || !scaling.has("type") ? "rope_type" : "type";
    String kind = scaling.string(key);
    return switch (kind) {
      case "default" -> Scaling.NONE;
      case "linear" -> new Scaling(ScalingKind.LINEAR, factor(scaling), 0, 0, 0);
      case "llama3" -> llama3(scaling);
      default ->
          throw scaling.bad(
              key,
              Shown.of(kind) + " is not supported",
              "use a model with default, linear or llama3 scaling");
    };
  }

  private static Scaling llama3(ConfigReader scaling) {
    double low = scaling.positive("low_freq_factor");
    double high = scaling.positive("high_freq_factor");
    if (high <= low) {
      throw scaling.bad("high_freq_factor", "it is not above low_freq_factor");
    }
    int originalContext =
        scaling.integer("original_max_position_embeddings", 1, HfConfig.CONTEXT_LIMIT);
    return new Scaling(ScalingKind.LLAMA3, factor(scaling), low, high, originalContext);
  }

  private static double factor(ConfigReader scaling) {
    double factor = scaling.positive("factor");
    if (factor < 1) {
      throw scaling.bad("factor", "it is below 1");
    }
    return factor;
  }
}
