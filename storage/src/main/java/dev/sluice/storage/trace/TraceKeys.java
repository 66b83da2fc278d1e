package dev.sluice.storage.trace;

import dev.sluice.storage.threshold.ActiveRule;

/** Keys of the blobs that tracing leaves beside the firings; {@code LAYER} is a decimal number. */
public final class TraceKeys {
  /** {@code targets}: JSON object, rule key to the CETT-PPL-1 % target found on the search text. */
  public static final String TARGETS = "targets";

  private TraceKeys() {}

  /** {@code curve/RULE/LAYER}: one layer's {@link dev.sluice.storage.threshold.CettCurve}, encoded as a list of one. */
  public static String curve(ActiveRule rule, int layer) {
    return "curve/" + rule.key() + "/" + layer;
  }

  /** {@code search/RULE}: the {@link dev.sluice.storage.threshold.TargetSearch} that found a rule's target. */
  public static String search(ActiveRule rule) {
    return "search/" + rule.key();
  }

  /** {@code column-norms/LAYER}: ‖W_down[:,i]‖ of every neuron, little-endian float32. */
  public static String columnNorms(int layer) {
    return "column-norms/" + layer;
  }

  /** {@code inputs/LAYER}: a sample of the FFN's normed inputs, positions × hidden, little-endian float32. */
  public static String inputs(int layer) {
    return "inputs/" + layer;
  }

  /**
   * {@code block-inputs/LAYER}: at the same positions, the hidden state before the layer's attention, normed as the FFN's input
   * is; positions × hidden, little-endian float32.
   */
  public static String blockInputs(int layer) {
    return "block-inputs/" + layer;
  }
}
