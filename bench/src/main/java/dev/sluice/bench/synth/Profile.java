package dev.sluice.bench.synth;

import dev.sluice.storage.BadInputException;

/** Published statistics to plant, and the constants that {@link PlantingFit} found for them. */
public enum Profile {
  /**
   * OPT-6.7B and its kin: 10 % active, with the predictor's slack, and 2.4 % new to a window of five tokens (LLM in a
   * flash, arXiv 2312.11514); 26 % of neurons make 80 % of firings (PowerInfer, arXiv 2312.12456, of OPT-30B); runs of
   * 1.06 neurons in checkpoint order and 3.12 in Ripple's (arXiv 2410.19274).
   */
  OPT_6_7B(
      "opt-6.7b",
      new ActivityStatistics(0.10, 0.024, 0.26, 1.06, 3.12),
      new Planting(1.8574, 1.0719, 16, 0.8643, 0.5, 0.1533, 24, 0.9482)),

  /**
   * The ReLU² twin of this project at CETT-PPL-1 %, as {@code sluice trace models/relu2} and {@link TracedActivity} find
   * it: the second 4,096 tokens of the calibration text, mean over six layers.
   */
  TWIN(
      "twin",
      new ActivityStatistics(0.0739, 0.0340, 0.478, 1.089, 1.494),
      new Planting(1.5926, 0.4782, 16, 0.5088, 0.5, 0.1611, 24, 0));

  private final String key;
  private final ActivityStatistics target;
  private final Planting planting;

  Profile(String key, ActivityStatistics target, Planting planting) {
    this.key = key;
    this.target = target;
    this.planting = planting;
  }

  /** Its name on the command line. */
  public String key() {
    return key;
  }

  /** What is aimed at. */
  public ActivityStatistics target() {
    return target;
  }

  Planting planting() {
    return planting;
  }

  /**
   * @throws BadInputException if there is none
   */
  public static Profile named(String key) {
    for (Profile profile : values()) {
      if (profile.key.equals(key)) {
        return profile;
      }
    }
    throw new BadInputException("--profile " + key, "there is no such profile",
        "use twin or opt-6.7b");
  }
}
