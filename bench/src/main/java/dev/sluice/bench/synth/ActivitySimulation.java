package dev.sluice.bench.synth;

import dev.sluice.bundler.coactivation.Activity;

/**
 * The activity of one planted layer without its matrices: pre-activations as Gaussians with the covariances that the
 * planted directions give them in many dimensions. Fast enough to fit a {@link Planting} with; what the file really does
 * is measured by {@link PlantedForward}.
 */
record ActivitySimulation(Planting planting, LayerPlan plan, long seed) {

  /** Firings over token lists laid end to end. */
  Activity run(int[] tokens) {
    int neurons = plan.neurons();
    int words = (neurons + 63) >>> 6;
    long[] rows = new long[tokens.length * words];
    int clusters = Math.ceilDiv(neurons, planting.clusterNeurons());
    double topicPart = Math.sqrt(planting.topicShare());
    double tokenPart = Math.sqrt(1 - planting.topicShare());
    double clusterPart = Math.sqrt(planting.clusterShare());
    double neuronPart = Math.sqrt(1 - planting.clusterShare());
    float[][] topics = new float[TokenLists.TOPICS][];
    float[] common = new float[clusters];
    for (int t = 0; t < tokens.length; t++) {
      int topic = TokenLists.topic(tokens[t]);
      if (topics[topic] == null) {
        topics[topic] = gaussians(clusters + neurons, -1 - topic);
      }
      float[] shared = topics[topic];
      Noise noise = Noise.of(seed, Noise.Purpose.SIMULATION, tokens[t], 0);
      for (int c = 0; c < clusters; c++) {
        common[c] = (float) (topicPart * shared[c] + tokenPart * noise.gaussian());
      }
      for (int i = 0; i < neurons; i++) {
        double own = topicPart * shared[clusters + i] + tokenPart * noise.gaussian();
        double g = clusterPart * common[plan.clusters()[i]] + neuronPart * own;
        if (g > plan.thresholds()[i]) {
          rows[t * words + (i >>> 6)] |= 1L << i;
        }
      }
    }
    return Activity.of(tokens.length, neurons, rows);
  }

  private float[] gaussians(int n, long name) {
    Noise noise = Noise.of(seed, Noise.Purpose.SIMULATION, name, 1);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) noise.gaussian();
    }
    return values;
  }
}
