package dev.sluice.storage.trace;

/**
 * Magnitudes in 16 bits: an unsigned float, six bits of exponent over ten of mantissa, 2^-40 .. 2^24 (exclusive). A code
 * is the float's own bits rounded to nearest even at ten mantissa bits with the exponent rebased, so codes sort as
 * magnitudes do, powers of two survive exactly, and the relative error within the range is at most 2^-11. What lies
 * outside is clamped. (float16 would overflow at 65,504 and lose precision below 2^-14; bfloat16 keeps 8 bits.)
 */
public final class MagnitudeCode {
  /** Smallest magnitude that a code stands for, 2^-40. */
  public static final float SMALLEST = 0x1p-40f;

  /** Largest magnitude that a code stands for. */
  public static final float LARGEST = 0x1.ffcp23f;

  private static final int DROPPED_BITS = 13;
  private static final int REBASE = (127 - 40) << 10;

  private MagnitudeCode() {}

  /**
   * The code nearest to a magnitude.
   *
   * @throws IllegalArgumentException if the magnitude is negative or not a number
   */
  public static short encode(float magnitude) {
    if (!(magnitude >= 0)) {
      throw new IllegalArgumentException("magnitude " + magnitude);
    }
    int bits = Float.floatToRawIntBits(magnitude) & 0x7fffffff;
    int lowestKept = (bits >>> DROPPED_BITS) & 1;
    int rounded = (bits + 0x0fff + lowestKept) >>> DROPPED_BITS;
    return (short) Math.clamp((long) rounded - REBASE, 0, 0xffff);
  }

  /** The magnitude that a code stands for. */
  public static float decode(short code) {
    return Float.intBitsToFloat((Short.toUnsignedInt(code) + REBASE) << DROPPED_BITS);
  }
}
