package dev.sluice.storage.predictor;

import dev.sluice.storage.threshold.ActiveRule;

/**
 * From which score a neuron is named, for one layer, one rule and one CETT target: where its score is at least {@code
 * from[i]}, or lies in [dipFrom[i], dipTo[i]]. The dip is where a smooth activation's negative output is large enough; the
 * arrays are empty for the ReLU family. Arrays are kept, not copied: do not change them.
 *
 * @param cett the target that the cuts were calibrated at; 0 for the exact rule
 * @param from one per neuron; +∞ for never
 * @param most how many of the highest scores above their cuts reach the same recall when each position names equally many
 */
public record ActivityCuts(
    ActiveRule rule, double cett, float[] from, float[] dipFrom, float[] dipTo, int most) {

  public ActivityCuts {
    if (dipFrom.length != dipTo.length || (dipFrom.length != 0 && dipFrom.length != from.length)) {
      throw new IllegalArgumentException("cuts and dips are of different lengths");
    }
  }

  /** Whether a neuron with this score is named. */
  public boolean names(int neuron, float score) {
    return score >= from[neuron]
        || (dipFrom.length > 0 && score >= dipFrom[neuron] && score <= dipTo[neuron]);
  }

  /** Cuts at {@code cett} between those of two targets; where one of them never cuts, the more generous one. */
  static ActivityCuts between(ActivityCuts below, ActivityCuts above, double cett) {
    if (above.cett <= below.cett) {
      return below;
    }
    float weight = (float) ((cett - below.cett) / (above.cett - below.cett));
    int n = below.from.length;
    float[] from = new float[n];
    float[] dipFrom = new float[below.dipFrom.length];
    float[] dipTo = new float[below.dipTo.length];
    for (int i = 0; i < n; i++) {
      from[i] = mix(below.from[i], above.from[i], weight, Math.min(below.from[i], above.from[i]));
    }
    for (int i = 0; i < dipFrom.length; i++) {
      boolean both = below.dipFrom[i] <= below.dipTo[i] && above.dipFrom[i] <= above.dipTo[i];
      dipFrom[i] = both ? mix(below.dipFrom[i], above.dipFrom[i], weight, Float.NEGATIVE_INFINITY)
          : Math.min(below.dipFrom[i], above.dipFrom[i]);
      dipTo[i] = both ? mix(below.dipTo[i], above.dipTo[i], weight, Float.POSITIVE_INFINITY)
          : Math.max(below.dipTo[i], above.dipTo[i]);
    }
    int most = Math.round(below.most + weight * (above.most - below.most));
    return new ActivityCuts(below.rule, cett, from, dipFrom, dipTo, most);
  }

  private static float mix(float a, float b, float weight, float otherwise) {
    return Float.isInfinite(a) || Float.isInfinite(b) ? otherwise : a + weight * (b - a);
  }
}
