package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.ExpertLayer;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.StoreKeys;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * MoEfication (Zhang et al., 2022, arXiv 2110.01786): neurons parted into experts of equal size by what fires together, and a small
 * network trained to tell which experts a position needs. For each target the number of experts is calibrated that keeps the
 * recall target's share of active magnitude at the held-out positions.
 */
public final class ExpertFit implements PredictorFit {
  // The paper's size, and about as many experts as its middle models have: narrow layers get smaller ones.
  private static final int MOST_EXPERT_NEURONS = 32;
  private static final int WANTED_EXPERTS = 128;
  private static final int LEAST_EXPERT_NEURONS = 4;

  private static final int CLUSTERED_POSITIONS = 1_024;

  private final ModelSpec spec;
  private final double recallTarget;
  private final List<QuantisedFit.Target> targets;
  private final int chosenTarget;
  private final long seed;
  private final int experts;
  private final SortedMap<String, byte[]> blobs = new TreeMap<>();
  private final float[] namedShares;
  private int layer;

  /**
   * @param recallTarget share of active magnitude that the experts chosen must keep on held-out positions
   * @param targets at least one
   * @param chosenTarget index of the target by whose sets experts are formed and the router is trained
   */
  public ExpertFit(ModelSpec spec, double recallTarget, List<QuantisedFit.Target> targets,
      int chosenTarget, long seed) {
    this.spec = spec;
    this.recallTarget = recallTarget;
    this.targets = List.copyOf(targets);
    this.chosenTarget = chosenTarget;
    this.seed = seed;
    this.experts = experts(spec.feedForward());
    this.namedShares = new float[spec.layers()];
  }

  /** Experts of a layer of so many neurons. */
  static int experts(int neurons) {
    int size =
        Math.clamp(neurons / WANTED_EXPERTS, LEAST_EXPERT_NEURONS, MOST_EXPERT_NEURONS);
    return Math.max(1, neurons / size);
  }

  @Override
  public void addLayer(QuantisedFit.LayerData data) {
    LayerSamples samples = LayerSamples.whole(spec, data, PredictorInput.FFN);
    int[] expertOf = clusters(samples);
    float[] magnitudes = magnitudes(samples, targets.get(chosenTarget), expertOf);
    Network network = RouterTraining.train(samples, magnitudes,
        fromCentres(samples, data, expertOf), seed + layer);
    try (Arena arena = Arena.ofConfined()) {
      blobs.put(StoreKeys.predictorLayer("moefication", layer),
          new ExpertLayer(rounded(samples, network, expertOf, arena), expertOf).encode());
    }
    layer++;
  }

  /** By what fires together: neurons whose active magnitudes over some positions point the same way. */
  private int[] clusters(LayerSamples samples) {
    QuantisedFit.Target target = targets.get(chosenTarget);
    float threshold = target.thresholds()[layer];
    int some = Math.min(samples.fitted(), CLUSTERED_POSITIONS);
    float[] points = new float[samples.neurons() * some];
    IntStream.range(0, samples.neurons()).parallel().forEach(i -> {
      for (int p = 0; p < some; p++) {
        int t = (int) ((long) p * samples.fitted() / some);
        // Roots, lest few positions decide.
        points[i * some + p] = (float) Math
            .sqrt(samples.activeMagnitude(i, t, target.rule(), threshold));
      }
    });
    return BalancedClusters.of(points, samples.neurons(), some, experts, seed + layer);
  }

  /** What is active of each expert, positions × experts. */
  private float[] magnitudes(LayerSamples samples, QuantisedFit.Target target, int[] expertOf) {
    float threshold = target.thresholds()[layer];
    float[] sums = new float[samples.positions() * experts];
    IntStream.range(0, samples.positions()).parallel().forEach(t -> {
      for (int i = 0; i < expertOf.length; i++) {
        sums[t * experts + expertOf[i]] +=
            samples.activeMagnitude(i, t, target.rule(), threshold);
      }
    });
    return sums;
  }

  /** The paper's router without training, an expert's mean row times the input, as what the network begins with. */
  private Network fromCentres(LayerSamples samples, QuantisedFit.LayerData data, int[] expertOf) {
    int hidden = samples.hidden();
    Network network = new Network(Middle.RELU, new float[hidden * experts], new float[experts],
        new float[experts * experts], new float[experts]);
    int[] sizes = new int[experts];
    for (int expert : expertOf) {
      sizes[expert]++;
    }
    Standardised inputs = samples.inputs();
    for (int i = 0; i < expertOf.length; i++) {
      int e = expertOf[i];
      for (int j = 0; j < hidden; j++) {
        float weight = data.inner()[i * hidden + j] / sizes[e];
        network.inward()[j * experts + e] += weight * inputs.spread()[j];
        network.inwardOffsets()[e] += weight * inputs.centre()[j];
      }
      if (data.innerBias().length > 0) {
        network.inwardOffsets()[e] += data.innerBias()[i] / sizes[e];
      }
    }
    for (int e = 0; e < experts; e++) {
      network.outward()[e * experts + e] = 1;
    }
    network.balance(inputs.values(), samples.fitted());
    Arrays.fill(network.outward(), 0);
    for (int e = 0; e < experts; e++) {
      network.outward()[e * experts + e] = 1;
    }
    return network;
  }

  private LowRankLayer rounded(LayerSamples samples, Network network, int[] expertOf,
      Arena arena) {
    RoundedNetwork rounded = RoundedNetwork.of(samples, network, arena);
    int from = samples.fitted();
    int held = samples.positions() - from;
    float[] always = new float[experts];
    Arrays.fill(always, Float.NEGATIVE_INFINITY);
    List<ActivityCuts> cuts = new ArrayList<>();
    for (int k = 0; k < targets.size(); k++) {
      QuantisedFit.Target target = targets.get(k);
      float[] magnitudes = magnitudes(samples, target, expertOf);
      int most =
          most(rounded.scores(), Arrays.copyOfRange(magnitudes, from * experts, magnitudes.length),
              held, experts, recallTarget);
      cuts.add(new ActivityCuts(target.rule(), target.cett(), always, new float[0], new float[0],
          most));
      if (k == chosenTarget) {
        namedShares[layer] = (float) most / experts;
      }
    }
    return rounded.layer(cuts, recallTarget);
  }

  /**
   * How many of the highest scores each position must choose for all of them together to keep a share of the magnitude.
   *
   * @param scores experts × positions
   * @param magnitudes positions × experts
   */
  static int most(float[] scores, float[] magnitudes, int positions, int experts, double share) {
    double[] byRank = new double[experts];
    double total = 0;
    for (int t = 0; t < positions; t++) {
      int at = t;
      int[] ranked = IntStream.range(0, experts).boxed()
          .sorted(Comparator.<Integer>comparingDouble(e -> -scores[e * positions + at])
              .thenComparingInt(e -> e))
          .mapToInt(e -> e).toArray();
      for (int r = 0; r < experts; r++) {
        double magnitude = magnitudes[t * experts + ranked[r]];
        byRank[r] += magnitude;
        total += magnitude;
      }
    }
    double kept = 0;
    for (int r = 0; r < experts; r++) {
      kept += byRank[r];
      if (kept >= share * total) {
        return r + 1;
      }
    }
    return experts;
  }

  @Override
  public SortedMap<String, byte[]> blobs() {
    return blobs;
  }

  @Override
  public float[] namedShares() {
    return namedShares.clone();
  }
}
