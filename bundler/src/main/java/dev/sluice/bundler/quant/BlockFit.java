package dev.sluice.bundler.quant;

import dev.sluice.storage.tensor.TensorType;

/**
 * Integers and a scale (and a minimum) for one block of weights, by least squares: candidates of the scale are tried
 * around the one that spans the block, each is replaced by the best scale for the integers it gives, and the one with
 * the least squared error is kept. Scales and minimums are rounded to float16, as they are stored, before the final
 * integers are chosen. Mutable; one thread.
 */
final class BlockFit {
  private static final int CANDIDATES = 15;
  private static final float CANDIDATE_STEP = 0.25f;

  /** Which integers a block has, and whether a minimum is added. */
  enum Levels {
    /** −127 to 127. */
    BYTES(-127, 127),
    /** −8 to 7. */
    SIGNED_NIBBLES(-8, 7),
    /** 0 to 15, with a minimum. */
    NIBBLES_AND_MINIMUM(0, 15);

    final int least;
    final int most;

    Levels(int least, int most) {
      this.least = least;
      this.most = most;
    }

    /** Those of a ggml block type. */
    static Levels of(TensorType type) {
      return switch (type) {
        case Q8_0 -> BYTES;
        case Q4_0 -> SIGNED_NIBBLES;
        case Q4_1 -> NIBBLES_AND_MINIMUM;
        default -> throw new IllegalArgumentException("nothing is fitted to " + type);
      };
    }
  }

  private final Levels levels;
  private final float[] x; // the block's weights
  private final byte[] quants;
  private int count; // weights in the block
  private float scale;
  private float min;

  BlockFit(Levels levels, int size) {
    this.levels = levels;
    x = new float[size];
    quants = new byte[size];
  }

  /** Where the caller puts the block's weights before {@link #fit}. */
  float[] weights() {
    return x;
  }

  /** The integers, after {@link #fit}. */
  byte[] quants() {
    return quants;
  }

  /** A float16's value. */
  float scale() {
    return scale;
  }

  /** A float16's value; 0 without minimums. */
  float min() {
    return min;
  }

  /**
   * Fits the first {@code count} weights; the rest of weights and integers mean nothing.
   *
   * @return the sum of squared errors
   */
  double fit(int count) {
    this.count = count;
    if (levels == Levels.NIBBLES_AND_MINIMUM) {
      fitWithMinimum();
    } else {
      min = 0;
      scale = half(fitScale());
    }
    float inverse = scale == 0 ? 0 : 1 / scale;
    double error = 0;
    for (int i = 0; i < count; i++) {
      int q = level((x[i] - min) * inverse);
      quants[i] = (byte) q;
      double off = x[i] - (double) (scale * q + min);
      error += off * off;
    }
    return error;
  }

  private float fitScale() {
    float extreme = 0;
    for (int i = 0; i < count; i++) {
      extreme = Math.abs(x[i]) > Math.abs(extreme) ? x[i] : extreme;
    }
    if (extreme == 0) {
      return 0;
    }
    if (levels == Levels.BYTES) { // a step more or less makes no difference here
      return Math.abs(extreme) / levels.most;
    }
    float best = 0;
    float bestGain = 0;
    for (int c = 0; c < CANDIDATES; c++) {
      // The extreme gets the longer side, and may be cut or leave levels unused.
      float inverse = (levels.least + 1 - CANDIDATE_STEP * c) / extreme;
      float products = 0;
      float squares = 0;
      for (int i = 0; i < count; i++) {
        float q = level(x[i] * inverse);
        products += x[i] * q;
        squares += q * q;
      }
      float gain = squares == 0 ? 0 : products * products / squares;
      if (gain > bestGain) {
        bestGain = gain;
        best = products / squares;
      }
    }
    return best;
  }

  private void fitWithMinimum() {
    float low = x[0];
    float high = x[0];
    double sum = 0;
    double all = 0;
    for (int i = 0; i < count; i++) {
      low = Math.min(low, x[i]);
      high = Math.max(high, x[i]);
      sum += x[i];
      all += (double) x[i] * x[i];
    }
    scale = 0;
    min = half(low);
    if (high == low) {
      return;
    }
    double least = Double.MAX_VALUE;
    for (int c = 0; c < CANDIDATES; c++) {
      float inverse = (levels.most - 1 + CANDIDATE_STEP * c) / (high - low);
      double quantSum = 0;
      double squares = 0;
      double products = 0;
      for (int i = 0; i < count; i++) {
        int q = level((x[i] - low) * inverse);
        quantSum += q;
        squares += (double) q * q;
        products += (double) q * x[i];
      }
      double determinant = count * squares - quantSum * quantSum;
      if (determinant <= 0) {
        continue;
      }
      double a = (count * products - sum * quantSum) / determinant;
      double b = (squares * sum - quantSum * products) / determinant;
      double error = all - a * products - b * sum;
      if (error < least) {
        least = error;
        scale = half((float) a);
        min = half((float) b);
      }
    }
  }

  /** Nearest level. Adding and taking away 1.5·2²³ rounds to an integer, since nothing here is larger. */
  private int level(float value) {
    float clamped = Math.max(levels.least, Math.min(levels.most, value));
    return (int) ((clamped + 0x1.8p23f) - 0x1.8p23f);
  }

  private static float half(float value) {
    return Float.float16ToFloat(Float.floatToFloat16(value));
  }
}
