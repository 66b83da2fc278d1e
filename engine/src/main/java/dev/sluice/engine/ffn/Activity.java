package dev.sluice.engine.ffn;

import dev.sluice.storage.threshold.ActiveRule;

/**
 * The rule by which a computed neuron counts as active, with its thresholds. Immutable; thread-safe.
 *
 * @param rule which magnitude is compared
 * @param cett the CETT target the thresholds stand for; 0 with the exact rule
 * @param thresholds ε of each layer; all 0 with the exact rule
 */
public record Activity(ActiveRule rule, double cett, float[] thresholds) {

  /** h ≠ 0: what a ReLU-family model needs to stay lossless. */
  public static Activity exact(int layers) {
    return new Activity(ActiveRule.EXACT, 0, new float[layers]);
  }

  /**
   * Whether a neuron is active.
   *
   * @param inner act(gate) when gated, act(up) otherwise
   * @param h the neuron's output before its column
   * @param columnNorm ‖W_down[:,i]‖
   */
  boolean holds(int layer, float inner, float h, float columnNorm) {
    return h != 0
        && switch (rule) {
          case EXACT -> true;
          case OUTPUT -> Math.abs(h) * columnNorm >= thresholds[layer];
          case GATE -> Math.abs(inner) >= thresholds[layer];
        };
  }

  /**
   * The same for {@code count} positions of one neuron: {@code verdicts} come in as predicted or not (not 0 or 0) and leave as
   * {@link Sweep#ACTIVE} and {@link Sweep#PREDICTED} bits. One loop a rule, without branches inside.
   */
  void judge(int layer, float[] inner, float[] h, int from, int count, float columnNorm,
      byte[] verdicts) {
    float threshold = thresholds[layer];
    switch (rule) {
      case EXACT -> {
        for (int i = from; i < from + count; i++) {
          verdicts[i] = verdict(verdicts[i], h[i] != 0);
        }
      }
      case OUTPUT -> {
        for (int i = from; i < from + count; i++) {
          verdicts[i] = verdict(verdicts[i], h[i] != 0 & Math.abs(h[i]) * columnNorm >= threshold);
        }
      }
      case GATE -> {
        for (int i = from; i < from + count; i++) {
          verdicts[i] = verdict(verdicts[i], h[i] != 0 & Math.abs(inner[i]) >= threshold);
        }
      }
    }
  }

  private static byte verdict(byte predicted, boolean active) {
    return (byte) ((predicted != 0 ? Sweep.PREDICTED : 0) | (active ? Sweep.ACTIVE : 0));
  }

  /** The magnitude that the rule compares: |h|·‖column‖ for the exact and output rules, |act(gate)| for the gate's. */
  float magnitude(float inner, float h, float columnNorm) {
    return rule == ActiveRule.GATE ? Math.abs(inner) : Math.abs(h) * columnNorm;
  }
}
