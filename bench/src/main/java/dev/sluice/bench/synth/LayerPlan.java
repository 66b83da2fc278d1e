package dev.sluice.bench.synth;

import java.util.Arrays;
import java.util.Comparator;

/**
 * Which cluster and which θ each neuron of one layer has. The neurons of a cluster are scattered over the checkpoint
 * order.
 *
 * @param clusters cluster of each neuron
 * @param thresholds θ of each neuron
 */
record LayerPlan(int[] clusters, float[] thresholds) {
  /** One hot neuron in so many. */
  private static final int HOT_STRIDE = 4;

  static LayerPlan of(Planting planting, int neurons, long seed, int layer) {
    Noise noise = Noise.of(seed, Noise.Purpose.PLAN, layer, 0);
    double[] planted = new double[neurons];
    double common = 0;
    double shared = Math.sqrt(planting.clusterThresholdShare());
    double own = Math.sqrt(1 - planting.clusterThresholdShare());
    for (int i = 0; i < neurons; i++) {
      if (i % planting.clusterNeurons() == 0) {
        common = noise.gaussian();
      }
      planted[i] =
          planting.thresholdMean()
              + planting.thresholdSpread() * (shared * common + own * noise.gaussian());
    }
    int[] places = places(planted, planting.staggerShare(), noise);
    int[] clusters = new int[neurons];
    float[] thresholds = new float[neurons];
    for (int i = 0; i < neurons; i++) {
      clusters[places[i]] = i / planting.clusterNeurons();
      thresholds[places[i]] = (float) planted[i];
    }
    return new LayerPlan(clusters, thresholds);
  }

  int neurons() {
    return clusters.length;
  }

  /** Where in the checkpoint each planted neuron goes. */
  private static int[] places(double[] planted, double staggerShare, Noise noise) {
    int neurons = planted.length;
    Integer[] byHeat = new Integer[neurons];
    Arrays.setAll(byHeat, i -> i);
    Arrays.sort(byHeat, Comparator.comparingDouble(i -> planted[i]));
    int[] places = new int[neurons];
    Arrays.fill(places, -1);
    boolean[] taken = new boolean[neurons];
    int[] combs = noise.permutation(neurons / HOT_STRIDE);
    for (int k = 0; k < combs.length; k++) {
      if (noise.uniform() < staggerShare) {
        places[byHeat[k]] = combs[k] * HOT_STRIDE;
        taken[combs[k] * HOT_STRIDE] = true;
      }
    }
    int[] order = noise.permutation(neurons);
    int next = 0;
    for (int i = 0; i < neurons; i++) {
      if (places[i] < 0) {
        while (taken[order[next]]) {
          next++;
        }
        places[i] = order[next++];
      }
    }
    return places;
  }
}
