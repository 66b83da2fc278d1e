package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import java.lang.foreign.Arena;
import java.util.stream.IntStream;

/**
 * A layer's subspace as int8 matrices. A's rows are scaled so that each middle value varies by 1, B's columns carry the
 * deviations: then one scale for all of a position's middle values costs little, and lower ranks are first columns.
 */
record LowRankMatrices(Int8Rows inward, Int8Rows outward) {

  /**
   * Held-out estimates at one rank.
   *
   * @param offsets one per neuron
   * @param scores neurons × held-out positions, offsets included
   * @param errors standard deviation of pre-activation less score, one per neuron
   */
  record Estimates(float[] offsets, float[] scores, float[] errors) {}

  static LowRankMatrices of(LayerSamples samples, int rank, long seed, Arena arena) {
    ThinMap map = ThinMap.of(samples, rank, seed);
    return new LowRankMatrices(Int8Rows.pack(map.inward(), rank, samples.hidden(), arena),
        Int8Rows.pack(map.outward(), samples.neurons(), rank, arena));
  }

  Estimates estimates(LayerSamples samples, int rank) {
    int from = samples.fitted();
    int held = samples.positions() - from;
    int neurons = samples.neurons();
    float[] middles = LowRankScores.middles(samples.inputs().values(), from, held, inward,
        new float[rank], rank, Middle.LINEAR);
    float[] offsets = new float[neurons];
    float[] errors = new float[neurons];
    float[] scores = LowRankScores.scores(middles, held, outward, offsets, rank);
    IntStream.range(0, neurons).parallel().forEach(i -> {
      double sum = 0;
      double squares = 0;
      for (int t = 0; t < held; t++) {
        double off = samples.inner(i, from + t) - scores[i * held + t];
        sum += off;
        squares += off * off;
      }
      offsets[i] = (float) (sum / held);
      errors[i] = (float) Math.sqrt(Math.max(0, squares / held - offsets[i] * offsets[i]));
      for (int t = 0; t < held; t++) {
        scores[i * held + t] += offsets[i];
      }
    });
    return new Estimates(offsets, scores, errors);
  }
}
