package dev.sluice.storage.threshold;

/**
 * What makes a neuron count as active. Names are stored in traces and catalogs as {@link #key()}.
 *
 * <p>{@link #EXACT}: h ≠ 0, lossless for ReLU-family models. {@link #OUTPUT}: h ≠ 0 and |h|·‖W_down[:,i]‖ ≥ ε (ReLU²
 * Wins). {@link #GATE}: h ≠ 0 and |act(gate)| ≥ ε (CATS), which can be decided before up is read.
 */
public enum ActiveRule {
  EXACT(0, "exact"),
  OUTPUT(1, "output"),
  GATE(2, "gate");

  private final int code;
  private final String key;

  ActiveRule(int code, String key) {
    this.code = code;
    this.key = key;
  }

  /** The number that stands for this rule on disk; never renumbered. */
  public int code() {
    return code;
  }

  /**
   * The rule with this code.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static ActiveRule ofCode(int code) {
    for (ActiveRule rule : values()) {
      if (rule.code == code) {
        return rule;
      }
    }
    throw new IllegalArgumentException("unknown active rule code " + code);
  }

  /** The name on disk and on the command line. */
  public String key() {
    return key;
  }

  /**
   * The rule with this key.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static ActiveRule ofKey(String key) {
    for (ActiveRule rule : values()) {
      if (rule.key.equals(key)) {
        return rule;
      }
    }
    throw new IllegalArgumentException("unknown active rule " + key);
  }
}
