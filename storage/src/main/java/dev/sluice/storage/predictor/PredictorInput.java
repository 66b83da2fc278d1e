package dev.sluice.storage.predictor;

/** What a predictor of a layer's active neurons looks at. What is earlier says less, but leaves more to do while reads are on. */
public enum PredictorInput {
  /** The FFN's own input, known when attention is done. */
  FFN(""),
  /**
   * The hidden state before the layer's attention, normed as the FFN's input is: what is named is read while attention is
   * computed (Liu et al., Deja Vu, 2023).
   */
  BLOCK("early-"),
  /**
   * What the FFN of the layer before gets: what is named is read while that FFN and attention are computed, right behind what
   * that FFN reads itself. The first layers look at the block's input, see {@link #at}.
   */
  PREVIOUS_FFN("ahead-");

  // Layer 0 has no FFN before it. What the first FFN and the attention behind it add is most of layer 1's input: in the ReLU²
  // twin it took three quarters more names to foresee than BLOCK (docs/predictors.md). Stores with such predictors rely on it.
  private static final int FIRST_LAYER_AHEAD = 2;

  private final String prefix;

  PredictorInput(String prefix) {
    this.prefix = prefix;
  }

  /** What names of such predictors begin with. */
  public String prefix() {
    return prefix;
  }

  /** What such a predictor looks at for this layer. */
  public PredictorInput at(int layer) {
    return this == PREVIOUS_FFN && layer < FIRST_LAYER_AHEAD ? BLOCK : this;
  }

  /** By the prefix of a predictor's name. */
  public static PredictorInput of(String name) {
    for (PredictorInput input : values()) {
      if (input != FFN && name.startsWith(input.prefix)) {
        return input;
      }
    }
    return FFN;
  }
}
