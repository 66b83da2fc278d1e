package dev.sluice.bench.synth;

/**
 * Seeded random numbers, the same on every machine and JDK: SplitMix64 (Steele, Lea, Flood 2014) whose start is named by
 * a seed and a path, so that any row of any tensor can be made by itself. Confined to one thread.
 */
final class Noise {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  /** Deviation of the odd bytes -127 … 127, each as likely as another. */
  static final float BYTE_DEVIATION = (float) Math.sqrt((128.0 * 128.0 - 1) / 3);

  private long state;
  private double spare = Double.NaN;

  /** What numbers are drawn for; codes are part of the format "same flags, same bytes". */
  enum Purpose {
    DIRECTION(1),
    TOPIC(2),
    TOKEN(3),
    CLUSTER(4),
    NEURON(5),
    PLAN(6),
    TENSOR(7),
    TOKEN_LIST(8),
    SIMULATION(9);

    private final int code;

    Purpose(int code) {
      this.code = code;
    }
  }

  private Noise(long state) {
    this.state = state;
  }

  static Noise of(long seed, Purpose purpose, long first, long second) {
    long name = mix(seed + GOLDEN);
    name = mix(name + GOLDEN * purpose.code);
    name = mix(name ^ mix(first + 2 * GOLDEN));
    name = mix(name ^ mix(second + 3 * GOLDEN));
    return new Noise(name);
  }

  private static long mix(long z) {
    long a = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    long b = (a ^ (a >>> 27)) * 0x94D049BB133111EBL;
    return b ^ (b >>> 31);
  }

  long next() {
    state += GOLDEN;
    return mix(state);
  }

  /** In [0, 1). */
  double uniform() {
    return (next() >>> 11) * 0x1.0p-53;
  }

  /** In 0 … bound − 1. */
  int below(int bound) {
    return (int) (uniform() * bound);
  }

  /** Mean 0, deviation 1 (Box and Muller). */
  double gaussian() {
    if (!Double.isNaN(spare)) {
      double value = spare;
      spare = Double.NaN;
      return value;
    }
    double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - uniform()));
    double angle = 2 * Math.PI * uniform();
    spare = radius * StrictMath.sin(angle);
    return radius * StrictMath.cos(angle);
  }

  /** Adds noise of mean 0 and the given deviation to every element; the length is a multiple of 8. */
  void addTo(float[] row, float deviation) {
    float scale = deviation / BYTE_DEVIATION;
    for (int i = 0; i < row.length; i += 8) {
      long bits = next();
      for (int k = 0; k < 8; k++) {
        row[i + k] += scale * ((byte) (bits >>> (8 * k)) | 1);
      }
    }
  }

  /** Fills with odd bytes, each as likely as another; n is a multiple of 8. */
  void fill(byte[] bytes, int offset, int n) {
    for (int i = offset; i < offset + n; i += 8) {
      long bits = next();
      for (int k = 0; k < 8; k++) {
        bytes[i + k] = (byte) ((byte) (bits >>> (8 * k)) | 1);
      }
    }
  }

  /** A permutation of 0 … n − 1, each as likely as another. */
  int[] permutation(int n) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      int other = below(i + 1);
      order[i] = order[other];
      order[other] = i;
    }
    return order;
  }
}
