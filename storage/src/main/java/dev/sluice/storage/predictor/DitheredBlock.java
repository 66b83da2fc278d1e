package dev.sluice.storage.predictor;

/**
 * How a block of {@value #SIZE} elements of a row is rounded: value w becomes the whole number q = ⌊w/Δ − o + u⌋, u its dither,
 * and q stands for Δ(q + o − u + ½), which is off by something uniform on ±Δ/2. The lowest and the highest value both stay
 * within the levels for every u: of 2^bits levels the values span one less (the spare one is the dither's), so nothing clips.
 *
 * <p>Δ = (1 + m/32)·2^(base + e) has 9 bits (4 of e, 5 of m), and o = 2^(bits−7)·k − 2^(bits−1) has the 7 of k, −64 … 63; both together
 * are the block's word: e, m, k from the highest bit.
 *
 * @param scale Δ
 * @param offset o + 2^(bits−1), which is near 0 for values that lie around it
 */
record DitheredBlock(int word, double scale, double offset, int bits) {
  static final int SIZE = 32;
  static final int OFFSET_BITS = 7;
  static final int MANTISSA_BITS = 5;
  static final int SCALES = 512;

  /** The exponent of the layer's smallest scale; scales' squares stay far from where float32 ends. */
  static final int MIN_BASE = -50;

  static final int MAX_BASE = 20;

  /** What a word says. */
  static DitheredBlock of(int word, int base, int bits) {
    return new DitheredBlock(word, scale(word >>> OFFSET_BITS & SCALES - 1, base),
        (word << (Integer.SIZE - OFFSET_BITS) >> (Integer.SIZE - OFFSET_BITS)) * unit(bits), bits);
  }

  private static double scale(int code, int base) {
    return (1 + (code & 31) / 32.0) * Math.scalb(1.0, base + (code >>> MANTISSA_BITS));
  }

  /** Steps of offsets, in levels. */
  static double unit(int bits) {
    return Math.scalb(1.0, bits - OFFSET_BITS);
  }

  /**
   * The base with which every block of a layer finds a scale.
   *
   * @param largest absolute value of all weights
   * @throws IllegalArgumentException if it is too large for any
   */
  static int baseFor(double largest, int bits) {
    double needed = largest / ((1 << (bits - 1)) - 1);
    int top = needed == 0 ? MIN_BASE : Math.getExponent(needed) + 1;
    int base = Math.max(MIN_BASE, top - 15);
    if (base > MAX_BASE) {
      throw new IllegalArgumentException(
          "a weight of " + largest + " is too large to be certified");
    }
    return base;
  }

  /** The finest block that holds values between {@code low} and {@code high}. Comparisons are exact in double. */
  static DitheredBlock fitting(float low, float high, int base, int bits) {
    int levels = 1 << bits;
    double half = levels / 2.0;
    double unit = unit(bits);
    for (int code = firstScale(((double) high - low) / (levels - 1), base); code < SCALES; code++) {
      double scale = scale(code, base);
      double wanted = Math.floor((low / scale + half) / unit);
      int k = (int) Math.max(-64, Math.min(63, wanted));
      double start = k * unit - half;
      if (scale * start > low) {
        k--; // the division was rounded up
        start -= unit;
      }
      if (k >= -64 && scale * start <= low && high <= scale * (start + levels - 1)) {
        int word = code << OFFSET_BITS | k & (1 << OFFSET_BITS) - 1;
        return new DitheredBlock(word, scale, k * unit, bits);
      }
    }
    throw new IllegalArgumentException("weights from " + low + " to " + high + " fit no scale");
  }

  private static int firstScale(double needed, int base) {
    int low = 0;
    int high = SCALES - 1;
    while (low < high) {
      int middle = (low + high) / 2;
      if (scale(middle, base) >= needed) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** q − 2^(bits−1) of a value. Exact: Δ has 6 bits and q + o − u has 35, so their products fit a double. */
  int code(float value, float dither) {
    double start = offset - (1 << (bits - 1)) - dither;
    double q = Math.floor(value / scale - start);
    while (value < scale * (q + start)) {
      q--;
    }
    while (value >= scale * (q + 1 + start)) {
      q++;
    }
    if (q < 0 || q >= 1 << bits) {
      throw new IllegalStateException("a level beyond the last: " + value + " in " + this);
    }
    return (int) q - (1 << (bits - 1));
  }

  /** What a code stands for; exact. */
  double level(int code, float dither) {
    return scale * (code + offset - dither + 0.5);
  }
}
