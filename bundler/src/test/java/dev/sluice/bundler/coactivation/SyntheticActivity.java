package dev.sluice.bundler.coactivation;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Made-up firings with a known structure. Everything follows from the seed. */
public final class SyntheticActivity {
  private SyntheticActivity() {}

  /** Each neuron fires at each token with a chance of its own, regardless of the others. */
  public static Activity independent(int tokens, int neurons, double meanShare, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] share = new double[neurons];
    Arrays.setAll(share, n -> meanShare * 2 * random.nextDouble());
    Rows rows = new Rows(tokens, neurons);
    for (int t = 0; t < tokens; t++) {
      for (int n = 0; n < neurons; n++) {
        if (random.nextDouble() < share[n]) {
          rows.fire(t, n);
        }
      }
    }
    return rows.activity();
  }

  /**
   * Clusters of neurons, scattered over the layer in a way that {@code layoutSeed} decides, wake as one at random tokens;
   * nine in ten of a waking cluster fire, and one in a hundred of the others.
   */
  public static Activity clustered(
      int tokens, int neurons, int clusterSize, double wakingShare, long layoutSeed, long seed) {
    int[] cluster = new int[neurons];
    Arrays.setAll(cluster, n -> n / clusterSize);
    SplittableRandom layout = new SplittableRandom(layoutSeed);
    for (int last = neurons - 1; last > 0; last--) {
      int other = layout.nextInt(last + 1);
      int swapped = cluster[last];
      cluster[last] = cluster[other];
      cluster[other] = swapped;
    }
    SplittableRandom random = new SplittableRandom(seed);
    boolean[] awake = new boolean[neurons / clusterSize + 1];
    Rows rows = new Rows(tokens, neurons);
    for (int t = 0; t < tokens; t++) {
      for (int c = 0; c < awake.length; c++) {
        awake[c] = random.nextDouble() < wakingShare;
      }
      for (int n = 0; n < neurons; n++) {
        if (random.nextDouble() < (awake[cluster[n]] ? 0.9 : 0.01)) {
          rows.fire(t, n);
        }
      }
    }
    return rows.activity();
  }

  /** One token per argument, each the neurons that fire at it. */
  public static Activity tokens(int neurons, int[]... firing) {
    Rows rows = new Rows(firing.length, neurons);
    for (int t = 0; t < firing.length; t++) {
      for (int n : firing[t]) {
        rows.fire(t, n);
      }
    }
    return rows.activity();
  }

  private record Rows(int tokens, int neurons, long[] bits) {
    Rows(int tokens, int neurons) {
      this(tokens, neurons, new long[tokens * ((neurons + 63) / 64)]);
    }

    void fire(int token, int neuron) {
      bits[token * ((neurons + 63) / 64) + neuron / 64] |= 1L << neuron;
    }

    Activity activity() {
      return Activity.of(tokens, neurons, bits);
    }
  }
}
