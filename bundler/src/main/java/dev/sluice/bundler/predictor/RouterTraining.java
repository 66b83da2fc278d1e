package dev.sluice.bundler.predictor;

import java.util.Arrays;

/**
 * Trains a network to tell which experts a position's active magnitude falls to: the cross-entropy between their shares of it and
 * the softmax of the logits, so that the experts with the highest logits are those that are expected to keep most of it.
 *
 * <p>Seeded; results do not depend on the number of threads.
 */
final class RouterTraining {
  private static final int MOST_EPOCHS = 40;

  private final LayerSamples samples;
  private final int hidden;
  private final int experts;
  private final float[] shares; // positions × experts; a position's add up to 1, or to 0 where nothing is active

  private RouterTraining(LayerSamples samples, int experts, float[] magnitudes) {
    this.samples = samples;
    this.hidden = samples.hidden();
    this.experts = experts;
    this.shares = magnitudes.clone();
    for (int t = 0; t < samples.positions(); t++) {
      double sum = 0;
      for (int e = 0; e < experts; e++) {
        sum += shares[t * experts + e];
      }
      for (int e = 0; e < experts && sum > 0; e++) {
        shares[t * experts + e] /= (float) sum;
      }
    }
  }

  /**
   * The network that did best on the held-out positions.
   *
   * @param magnitudes active magnitude of each expert, positions × experts
   * @param start changes
   */
  static Network train(LayerSamples samples, float[] magnitudes, Network start, long seed) {
    RouterTraining training = new RouterTraining(samples, start.neurons(), magnitudes);
    return EarlyStopping.train(start, samples.fitted(), MOST_EPOCHS, seed, training::heldOutLoss,
        training::step);
  }

  private void step(Network network, int[] batch, Adam[] optimisers, float rate) {
    int count = batch.length;
    int rank = network.rank();
    float[] inputs = new float[count * hidden];
    for (int b = 0; b < count; b++) {
      System.arraycopy(samples.inputs().values(), batch[b] * hidden, inputs, b * hidden, hidden);
    }
    float[] middles = network.middles(inputs, count);
    float[] slopes = network.logits(middles, count);
    for (int b = 0; b < count; b++) {
      double[] chances = chances(slopes, b);
      for (int e = 0; e < experts; e++) {
        slopes[b * experts + e] =
            (float) ((chances[e] - shares[batch[b] * experts + e]) / count);
      }
    }
    float[] outward =
        Products.of(Products.transpose(middles, count, rank), rank, count, slopes, experts);
    float[] back = Products.of(slopes, count, experts,
        Products.transpose(network.outward(), rank, experts), rank);
    for (int k = 0; k < back.length; k++) {
      back[k] = middles[k] > 0 ? back[k] : 0;
    }
    float[] inward =
        Products.of(Products.transpose(inputs, count, hidden), hidden, count, back, rank);
    optimisers[0].step(inward, rate);
    optimisers[1].step(NetworkTraining.columnSums(back, count, rank), rate);
    optimisers[2].step(outward, rate);
    optimisers[3].step(NetworkTraining.columnSums(slopes, count, experts), rate);
  }

  private double heldOutLoss(Network network) {
    int from = samples.fitted();
    int held = samples.positions() - from;
    float[] inputs =
        Arrays.copyOfRange(samples.inputs().values(), from * hidden, (from + held) * hidden);
    float[] logits = network.logits(network.middles(inputs, held), held);
    double loss = 0;
    for (int t = 0; t < held; t++) {
      double[] chances = chances(logits, t);
      for (int e = 0; e < experts; e++) {
        loss -= shares[(from + t) * experts + e] * Math.log(Math.max(chances[e], 1e-30));
      }
    }
    return loss / held;
  }

  /** The softmax of one position's logits. */
  private double[] chances(float[] logits, int position) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int e = 0; e < experts; e++) {
      largest = Math.max(largest, logits[position * experts + e]);
    }
    double[] chances = new double[experts];
    double sum = 0;
    for (int e = 0; e < experts; e++) {
      chances[e] = Math.exp(logits[position * experts + e] - largest);
      sum += chances[e];
    }
    for (int e = 0; e < experts; e++) {
      chances[e] /= sum;
    }
    return chances;
  }
}
