package dev.sluice.storage.predictor;

import dev.sluice.storage.threshold.ActiveRule;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

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

  private static final int MAX_CUTS = 1_000;

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

  /**
   * Cuts of a rule at a CETT target, between those of the calibrated targets around it; beyond them, those of the nearest.
   *
   * @throws IllegalArgumentException if there are none for the rule
   */
  static ActivityCuts at(List<ActivityCuts> cuts, ActiveRule rule, double cett) {
    ActivityCuts below = null;
    ActivityCuts above = null;
    for (ActivityCuts each : cuts) {
      if (each.rule == rule) {
        if (each.cett <= cett && (below == null || each.cett > below.cett)) {
          below = each;
        }
        if (each.cett >= cett && (above == null || each.cett < above.cett)) {
          above = each;
        }
      }
    }
    if (below == null && above == null) {
      throw new IllegalArgumentException("the predictor has no cuts for the rule " + rule.key());
    }
    // Below the smallest target its cuts are too high; nothing better was measured.
    return below == null ? above : above == null ? below : between(below, above, cett);
  }

  /** One after another, little-endian. */
  static byte[] encode(List<ActivityCuts> cuts) {
    long bytes = 0;
    for (ActivityCuts each : cuts) {
      bytes += 20 + (long) Float.BYTES * (each.from.length + 2L * each.dipFrom.length);
    }
    ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
    for (ActivityCuts each : cuts) {
      out.putInt(each.rule.code()).putDouble(each.cett).putInt(each.most);
      out.putInt(each.dipFrom.length == 0 ? 0 : 1);
      for (float[] part : List.of(each.from, each.dipFrom, each.dipTo)) {
        for (float value : part) {
          out.putFloat(value);
        }
      }
    }
    return out.array();
  }

  /**
   * Reads {@code count} of them.
   *
   * @throws IllegalArgumentException if they are not that
   * @throws java.nio.BufferUnderflowException if they are cut short
   */
  static List<ActivityCuts> decode(ByteBuffer in, int count, int neurons) {
    if (count < 0 || count > MAX_CUTS) {
      throw new IllegalArgumentException("a predictor with impossible cuts");
    }
    List<ActivityCuts> cuts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ActiveRule rule = ActiveRule.ofCode(in.getInt());
      double cett = in.getDouble();
      int most = in.getInt();
      int dips = in.getInt() == 0 ? 0 : neurons;
      if (!(cett >= 0 && cett <= 1) || most < 0 || most > neurons) {
        throw new IllegalArgumentException("a predictor with impossible cuts");
      }
      cuts.add(new ActivityCuts(
          rule, cett, floats(in, neurons), floats(in, dips), floats(in, dips), most));
    }
    return cuts;
  }

  /** Numbers, infinite ones among them; nothing is allocated for what is not there. */
  static float[] floats(ByteBuffer in, int count) {
    if (in.remaining() < (long) Float.BYTES * count) {
      throw new BufferUnderflowException();
    }
    float[] result = new float[count];
    for (int i = 0; i < count; i++) {
      result[i] = in.getFloat();
      if (Float.isNaN(result[i])) {
        throw new IllegalArgumentException("a predictor with a number that is none");
      }
    }
    return result;
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
