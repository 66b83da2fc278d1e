package dev.sluice.storage.threshold;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * One layer's cumulative error of tail truncation as a function of the threshold: CETT(ε) = mean over tokens of ‖sum of
 * neuron outputs with magnitude below ε‖ / ‖FFN output‖, from a dense run (ReLU² Wins; docs/method.md).
 *
 * <p>Points ascend in both coordinates; between points the curve is read by linear interpolation of cett over log ε.
 * Tracing leaves 1,024 points an octave where targets lie, so ε is read to a hundred thousandth or so. It is then rounded
 * down to a multiple of the layer's largest magnitude / 2^16, the resolution of a sixteen-step bisection, so that it errs
 * towards keeping neurons. Immutable.
 */
public final class CettCurve {
  private static final int MAX_LAYERS = 100_000;
  private static final int MAX_POINTS = 1 << 20;
  private static final double GRID = 1 << 16;

  private final float[] thresholds;
  private final float[] cetts;
  private final float largest;

  /**
   * @param thresholds ascending, positive
   * @param cetts non-negative, one for each threshold; made monotone if rounding broke that
   * @param largest the largest magnitude seen
   */
  public CettCurve(float[] thresholds, float[] cetts, float largest) {
    if (thresholds.length != cetts.length) {
      throw new IllegalArgumentException("a curve needs as many CETT values as thresholds");
    }
    for (int i = 0; i < thresholds.length; i++) {
      if (!(thresholds[i] > (i == 0 ? 0 : thresholds[i - 1])) || !(cetts[i] >= 0)) {
        throw new IllegalArgumentException("curve point " + i + " is out of order");
      }
    }
    if (!(largest >= 0) || Float.isInfinite(largest)) {
      throw new IllegalArgumentException("the largest magnitude cannot be " + largest);
    }
    this.largest = largest;
    this.thresholds = thresholds.clone();
    this.cetts = cetts.clone();
    for (int i = 1; i < cetts.length; i++) {
      this.cetts[i] = Math.max(this.cetts[i], this.cetts[i - 1]);
    }
  }

  /** The largest threshold whose CETT is at most {@code target}; 0 for a target of 0 or below the first point. */
  public float thresholdAt(double target) {
    if (target <= 0 || thresholds.length == 0 || cetts[0] > target) {
      return 0;
    }
    int at = 0;
    while (at + 1 < cetts.length && cetts[at + 1] <= target) {
      at++;
    }
    if (at + 1 == cetts.length) {
      return onGrid(thresholds[at]);
    }
    double share = (target - cetts[at]) / (cetts[at + 1] - cetts[at]);
    double low = Math.log(thresholds[at]);
    double high = Math.log(thresholds[at + 1]);
    return onGrid(Math.exp(low + share * (high - low)));
  }

  private float onGrid(double threshold) {
    double unit = largest / GRID;
    return unit == 0 ? (float) threshold : (float) (Math.floor(threshold / unit) * unit);
  }

  /** The thresholds of all layers for one CETT target. */
  public static float[] thresholdsAt(List<CettCurve> layers, double target) {
    float[] result = new float[layers.size()];
    for (int layer = 0; layer < result.length; layer++) {
      result[layer] = layers.get(layer).thresholdAt(target);
    }
    return result;
  }

  /** All layers as little-endian bytes: layer count, then per layer point count, largest magnitude, thresholds, CETT values. */
  public static byte[] encode(List<CettCurve> layers) {
    int bytes = 4;
    for (CettCurve curve : layers) {
      bytes += 8 + 8 * curve.thresholds.length;
    }
    ByteBuffer out =
        ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(layers.size());
    for (CettCurve curve : layers) {
      out.putInt(curve.thresholds.length).putFloat(curve.largest);
      for (float threshold : curve.thresholds) {
        out.putFloat(threshold);
      }
      for (float cett : curve.cetts) {
        out.putFloat(cett);
      }
    }
    return out.array();
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static List<CettCurve> decode(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int layers = count(in, MAX_LAYERS, 4);
    List<CettCurve> result = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      int points = count(in, MAX_POINTS, 8);
      float largest = in.remaining() < 4 ? Float.NaN : in.getFloat();
      if (8L * points > in.remaining()) {
        throw new IllegalArgumentException("CETT curves are cut short");
      }
      float[] thresholds = new float[points];
      float[] cetts = new float[points];
      for (int i = 0; i < points; i++) {
        thresholds[i] = in.getFloat();
      }
      for (int i = 0; i < points; i++) {
        cetts[i] = in.getFloat();
      }
      result.add(new CettCurve(thresholds, cetts, largest));
    }
    if (in.hasRemaining()) {
      throw new IllegalArgumentException(
          "CETT curves are followed by " + in.remaining() + " unknown bytes");
    }
    return result;
  }

  private static int count(ByteBuffer in, int most, int bytesEach) {
    int count = in.remaining() < 4 ? -1 : in.getInt();
    if (count < 0 || count > most || (long) count * bytesEach > in.remaining()) {
      throw new IllegalArgumentException("CETT curves are cut short or damaged");
    }
    return count;
  }
}
