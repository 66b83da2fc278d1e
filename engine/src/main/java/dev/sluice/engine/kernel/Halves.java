package dev.sluice.engine.kernel;

/** Arrays of IEEE 754 binary16, each in a short. Plain loops: the compiler turns them into its vectors. Thread-safe. */
public final class Halves {
  /** The largest finite binary16. */
  private static final float MOST = 65504f;

  private Halves() {}

  /** Rounds n floats to the nearest halves, ties to even; what is too large becomes the largest that is finite. */
  public static void narrow(float[] from, int at, short[] to, int o, int n) {
    for (int i = 0; i < n; i++) {
      to[o + i] = Float.floatToFloat16(Math.max(-MOST, Math.min(MOST, from[at + i])));
    }
  }

  /** Widens n halves, exactly. */
  public static void widen(short[] from, int at, float[] to, int o, int n) {
    for (int i = 0; i < n; i++) {
      to[o + i] = Float.float16ToFloat(from[at + i]);
    }
  }
}
