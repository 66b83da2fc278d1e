package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Trains a network to tell which neurons are worth naming: logistic loss over all neurons and positions, in which an active
 * neuron counts by its magnitude over a share of the threshold. The best logit is then the logarithm of the expected
 * active magnitude over the chance of being inactive, so one cut for a whole layer is the best choice for magnitude.
 *
 * <p>Seeded; results do not depend on the number of threads.
 */
final class NetworkTraining {
  private static final int BATCH = 64;
  private static final int MOST_EPOCHS = 30;
  // The logistic function's slope that is nearest to the normal distribution's.
  private static final float LOGITS_PER_ERROR = 1.7f;
  private static final float HIGHEST_EDGE = 64;
  private static final int EDGE_STEPS = 24;
  // An active neuron at the threshold weighs 1 / this against an inactive one.
  private static final float MAGNITUDE_UNIT = 0.2f;
  private static final float LARGEST_WEIGHT = 50;

  private final LayerSamples samples;
  private final QuantisedFit.Target target;
  private final float threshold;
  private final int hidden;
  private final int neurons;
  private final int rank;
  private final Middle middle;

  private NetworkTraining(LayerSamples samples, QuantisedFit.Target target, float threshold,
      int rank, Middle middle) {
    this.samples = samples;
    this.target = target;
    this.threshold = threshold;
    this.hidden = samples.hidden();
    this.neurons = samples.neurons();
    this.rank = rank;
    this.middle = middle;
  }

  /**
   * The network that did best on the held-out positions. A linear middle starts from the low-rank map without training, a
   * ReLU from random weights.
   */
  static Network train(LayerSamples samples, QuantisedFit.Target target, float threshold, int rank,
      Middle middle, long seed) {
    return new NetworkTraining(samples, target, threshold, rank, middle).run(seed);
  }

  private Network run(long seed) {
    float[] weights = weights();
    Network network = switch (middle) {
      case LINEAR -> untrained(seed);
      case RELU -> atBaseRates(seed, weights);
    };
    return EarlyStopping.train(network, samples.fitted(), MOST_EPOCHS, seed,
        trained -> heldOutLoss(trained, weights),
        (trained, batch, optimisers, rate) -> step(trained, batch, weights, optimisers, rate));
  }

  /** The low-rank map without training: its estimate's distance from where a neuron becomes active, in errors. */
  private Network untrained(long seed) {
    try (Arena arena = Arena.ofShared()) {
      LowRankMatrices matrices = LowRankMatrices.of(samples, rank, seed, arena);
      LowRankMatrices.Estimates estimates = matrices.estimates(samples, rank);
      Network network = new Network(Middle.LINEAR, new float[hidden * rank], new float[rank],
          new float[rank * neurons], new float[neurons]);
      for (int k = 0; k < rank; k++) {
        for (int j = 0; j < hidden; j++) {
          network.inward()[j * rank + k] = matrices.inward().value(k, j);
        }
      }
      for (int i = 0; i < neurons; i++) {
        float slope = LOGITS_PER_ERROR / Math.max(estimates.errors()[i], 1e-6f);
        for (int k = 0; k < rank; k++) {
          network.outward()[k * neurons + i] = slope * matrices.outward().value(i, k);
        }
        network.outwardOffsets()[i] = slope * (estimates.offsets()[i] - activeFrom(i));
      }
      return network;
    }
  }

  /** The smallest positive pre-activation at which a neuron is active with its partner at its spread. */
  private float activeFrom(int neuron) {
    float scale = target.rule() == ActiveRule.GATE ? 1
        : samples.columnNorm(neuron) * samples.partnerSpread(neuron);
    float low = 0;
    float high = HIGHEST_EDGE;
    for (int step = 0; step < EDGE_STEPS; step++) {
      float half = (low + high) / 2;
      if (LayerSamples.activate(samples.spec().activation(), half) * scale >= threshold) {
        high = half;
      } else {
        low = half;
      }
    }
    return high;
  }

  /** For each position and neuron, what an active neuron weighs; 0 for inactive ones. */
  private float[] weights() {
    float unit = threshold > 0 ? threshold * MAGNITUDE_UNIT : meanMagnitude() * MAGNITUDE_UNIT;
    float[] weights = new float[samples.positions() * neurons];
    IntStream.range(0, samples.positions()).parallel().forEach(t -> {
      for (int i = 0; i < neurons; i++) {
        float magnitude = samples.activeMagnitude(i, t, target.rule(), threshold);
        weights[t * neurons + i] = Math.min(LARGEST_WEIGHT, magnitude / unit);
      }
    });
    return weights;
  }

  private float meanMagnitude() {
    double sum = 0;
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < samples.fitted(); t++) {
        sum += samples.magnitude(i, t);
      }
    }
    return (float) Math.max(1e-20, sum / neurons / samples.fitted());
  }

  /** Random weights, with offsets at each neuron's share of active weight. */
  private Network atBaseRates(long seed, float[] weights) {
    Network network = Network.random(middle, hidden, rank, neurons, seed);
    for (int i = 0; i < neurons; i++) {
      double active = 0.5;
      double inactive = 0.5;
      for (int t = 0; t < samples.fitted(); t++) {
        float weight = weights[t * neurons + i];
        active += weight;
        inactive += weight > 0 ? 0 : 1;
      }
      network.outwardOffsets()[i] = (float) Math.log(active / inactive);
    }
    return network;
  }

  private void step(Network network, int[] batch, float[] weights, Adam[] optimisers, float rate) {
    int count = batch.length;
    float[] inputs = new float[count * hidden];
    for (int b = 0; b < count; b++) {
      System.arraycopy(samples.inputs().values(), batch[b] * hidden, inputs, b * hidden, hidden);
    }
    float[] middles = network.middles(inputs, count);
    float[] slopes = network.logits(middles, count);
    IntStream.range(0, count).parallel().forEach(b -> {
      for (int i = 0; i < neurons; i++) {
        slopes[b * neurons + i] =
            slope(slopes[b * neurons + i], weights[batch[b] * neurons + i]) / count;
      }
    });
    float[] outward = Products.of(Products.transpose(middles, count, rank), rank, count, slopes,
        neurons);
    float[] back = Products.of(slopes, count, neurons,
        Products.transpose(network.outward(), rank, neurons), rank);
    if (network.middle() == Middle.RELU) {
      for (int k = 0; k < back.length; k++) {
        back[k] = middles[k] > 0 ? back[k] : 0;
      }
    }
    float[] inward = Products.of(Products.transpose(inputs, count, hidden), hidden, count, back,
        rank);
    optimisers[0].step(inward, rate);
    optimisers[1].step(columnSums(back, count, rank), rate);
    optimisers[2].step(outward, rate);
    optimisers[3].step(columnSums(slopes, count, neurons), rate);
  }

  static float[] columnSums(float[] values, int rows, int cols) {
    float[] sums = new float[cols];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        sums[c] += values[r * cols + c];
      }
    }
    return sums;
  }

  /** d loss / d logit. */
  private static float slope(float logit, float weight) {
    float chance = (float) (1 / (1 + Math.exp(-logit)));
    return weight > 0 ? weight * (chance - 1) : chance;
  }

  private double heldOutLoss(Network network, float[] weights) {
    int from = samples.fitted();
    int held = samples.positions() - from;
    double total = 0;
    for (int first = 0; first < held; first += BATCH) {
      int count = Math.min(BATCH, held - first);
      float[] inputs = Arrays.copyOfRange(samples.inputs().values(), (from + first) * hidden,
          (from + first + count) * hidden);
      float[] logits = network.logits(network.middles(inputs, count), count);
      double[] byPosition = new double[count];
      int at = from + first;
      IntStream.range(0, count).parallel().forEach(b -> {
        for (int i = 0; i < neurons; i++) {
          byPosition[b] += loss(logits[b * neurons + i], weights[(at + b) * neurons + i]);
        }
      });
      for (double each : byPosition) {
        total += each;
      }
    }
    return total / held / neurons;
  }

  private static double loss(float logit, float weight) {
    double signed = weight > 0 ? -logit : logit;
    double softplus = Math.max(0, signed) + Math.log1p(Math.exp(-Math.abs(signed)));
    return weight > 0 ? weight * softplus : softplus;
  }
}
