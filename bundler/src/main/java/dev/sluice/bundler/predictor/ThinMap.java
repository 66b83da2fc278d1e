package dev.sluice.bundler.predictor;

import java.util.stream.IntStream;

/**
 * The linear map of a given rank from standardised inputs to a layer's pre-activations that is nearest on recorded positions,
 * its middle values varying by 1.
 *
 * @param inward rank × hidden
 * @param outward neurons × rank, by falling deviation
 */
record ThinMap(float[] inward, float[] outward) {
  // Directions of the FFN's input that are looked at for one that an earlier state is to foretell.
  private static final int CANDIDATES_PER_RANK = 2;

  static ThinMap of(LayerSamples samples, int rank, long seed) {
    return switch (samples.input()) {
      case FFN -> ofFfnInput(samples, rank, seed);
      case BLOCK, PREVIOUS_FFN -> ofEarlierState(samples, rank, seed);
    };
  }

  private static ThinMap ofFfnInput(LayerSamples samples, int rank, long seed) {
    Standardised inputs = samples.ffnInputs();
    float[] rows = standardRows(samples, inputs);
    OutputSubspace subspace = subspace(samples, inputs, rows, rank, seed);
    float[] inward = Products.of(
        Products.transpose(subspace.vectors(), samples.neurons(), rank), rank, samples.neurons(),
        rows, samples.hidden());
    return balanced(inward, subspace, samples.hidden());
  }

  /**
   * Reduced-rank regression: the directions in which pre-activations vary most, foretold from an earlier
   * state, and of the foretellings the part that varies most.
   */
  private static ThinMap ofEarlierState(LayerSamples samples, int rank, long seed) {
    int hidden = samples.hidden();
    int neurons = samples.neurons();
    int width = Math.min(CANDIDATES_PER_RANK * rank, Math.min(hidden, neurons));
    Standardised own = samples.ffnInputs();
    float[] rows = standardRows(samples, own);
    float[] basis = subspace(samples, own, rows, width, seed).vectors();
    float[] known = Products.of(Products.transpose(basis, neurons, width), width, neurons, rows,
        hidden);
    float[] foretold =
        EarlierStateRegression.of(samples, Products.transpose(known, width, hidden), width);
    float[] covariance =
        OutputSubspace.covariance(samples.inputs().values(), samples.fitted(), hidden);
    float[] small = Products.of(Products.transpose(foretold, hidden, width), width, hidden,
        Products.of(covariance, hidden, hidden, foretold, width), width);
    OutputSubspace subspace = OutputSubspace.rotate(basis, neurons, width, small, rank);
    float[] rotation = Products.of(Products.transpose(basis, neurons, width), width, neurons,
        subspace.vectors(), rank);
    float[] inward = Products.transpose(
        Products.of(foretold, hidden, width, rotation, rank), hidden, rank);
    return balanced(inward, subspace, hidden);
  }

  private static OutputSubspace subspace(LayerSamples samples, Standardised inputs, float[] rows,
      int rank, long seed) {
    float[] covariance =
        OutputSubspace.covariance(inputs.values(), samples.fitted(), samples.hidden());
    return OutputSubspace.of(rows, samples.neurons(), samples.hidden(), covariance, rank, seed);
  }

  /** The rows that feed the activation function, for standardised inputs; neurons × hidden. */
  private static float[] standardRows(LayerSamples samples, Standardised inputs) {
    int hidden = samples.hidden();
    float[] rows = samples.innerRows().clone();
    IntStream.range(0, samples.neurons()).parallel().forEach(i -> {
      for (int j = 0; j < hidden; j++) {
        rows[i * hidden + j] *= inputs.spread()[j];
      }
    });
    return rows;
  }

  private static ThinMap balanced(float[] inward, OutputSubspace subspace, int hidden) {
    float[] outward = subspace.vectors().clone();
    int rank = subspace.deviations().length;
    for (int k = 0; k < rank; k++) {
      float deviation = Math.max(subspace.deviations()[k], 1e-20f);
      for (int j = 0; j < hidden; j++) {
        inward[k * hidden + j] /= deviation;
      }
      for (int at = k; at < outward.length; at += rank) {
        outward[at] *= deviation;
      }
    }
    return new ThinMap(inward, outward);
  }
}
