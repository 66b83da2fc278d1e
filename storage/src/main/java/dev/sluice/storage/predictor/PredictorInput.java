package dev.sluice.storage.predictor;

/** What a predictor of a layer's active neurons looks at. */
public enum PredictorInput {
  /** The FFN's own input, known when attention is done. */
  FFN(""),
  /**
   * The hidden state before the layer's attention, normed as the FFN's input is. It says less, but early enough to read while
   * attention is computed (Liu et al., Deja Vu, 2023).
   */
  BLOCK("early-");

  private final String prefix;

  PredictorInput(String prefix) {
    this.prefix = prefix;
  }

  /** What names of such predictors begin with. */
  public String prefix() {
    return prefix;
  }

  /** By the prefix of a predictor's name. */
  public static PredictorInput of(String name) {
    return name.startsWith(BLOCK.prefix) ? BLOCK : FFN;
  }
}
