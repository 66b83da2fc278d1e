package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.Int8Codes;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer.Middle;

/** Scores of int8 matrices as the engine computes them, rounding of inputs and middle included. */
final class LowRankScores {
  private LowRankScores() {}

  /**
   * The middle of each position, rounded: positions × rank, as floats.
   *
   * @param standard standardised inputs, positions × hidden
   */
  static float[] middles(float[] standard, int fromPosition, int positions, Int8Rows inward,
      float[] offsets, int rank, Middle middle) {
    int hidden = inward.cols();
    short[] codes = new short[hidden + 1];
    float[] xs = new float[positions * hidden];
    float[] scales = new float[positions];
    float[] one = new float[Math.max(hidden, rank)];
    for (int t = 0; t < positions; t++) {
      System.arraycopy(standard, (fromPosition + t) * hidden, one, 0, hidden);
      scales[t] = Int8Codes.encode(one, hidden, codes, 0);
      for (int j = 0; j < hidden; j++) {
        xs[t * hidden + j] = codes[j];
      }
    }
    float[] rows = new float[hidden * rank];
    for (int k = 0; k < rank; k++) {
      for (int j = 0; j < hidden; j++) {
        rows[j * rank + k] = inward.code(k, j);
      }
    }
    float[] sums = Products.of(xs, positions, hidden, rows, rank);
    short[] middleCodes = new short[rank + 1];
    for (int t = 0; t < positions; t++) {
      for (int k = 0; k < rank; k++) {
        float value = sums[t * rank + k] * (scales[t] * inward.scale(k)) + offsets[k];
        one[k] = middle == Middle.RELU ? Math.max(0, value) : value;
      }
      float scale = Int8Codes.encode(one, rank, middleCodes, 0);
      for (int k = 0; k < rank; k++) {
        sums[t * rank + k] = middleCodes[k] * scale;
      }
    }
    return sums;
  }

  /** B·middle + offset, neurons × positions. */
  static float[] scores(float[] middles, int positions, Int8Rows outward, float[] offsets,
      int rank) {
    int neurons = outward.rows();
    float[] rows = new float[neurons * rank];
    for (int i = 0; i < neurons; i++) {
      for (int k = 0; k < rank; k++) {
        rows[i * rank + k] = outward.value(i, k);
      }
    }
    float[] scores = Products.of(rows, neurons, rank,
        Products.transpose(middles, positions, rank), positions);
    for (int i = 0; i < neurons; i++) {
      for (int t = 0; t < positions; t++) {
        scores[i * positions + t] += offsets[i];
      }
    }
    return scores;
  }
}
