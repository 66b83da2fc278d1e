package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.LowRankLayer.Middle;
import java.util.Arrays;
import java.util.Random;

/**
 * Parameters of a two-layer network in the layouts that training multiplies: A as hidden × rank, B as rank × neurons.
 * Mutable.
 */
record Network(Middle middle, float[] inward, float[] inwardOffsets, float[] outward,
    float[] outwardOffsets) {

  /** Weights from normal deviates of variance 1 / inputs (2 / inputs where ReLU follows); offsets 0. */
  static Network random(Middle middle, int hidden, int rank, int neurons, long seed) {
    Random random = new Random(seed);
    double deviation = Math.sqrt((middle == Middle.RELU ? 2.0 : 1.0) / hidden);
    return new Network(middle, normal(random, hidden * rank, deviation), new float[rank],
        normal(random, rank * neurons, Math.sqrt(1.0 / rank)), new float[neurons]);
  }

  private static float[] normal(Random random, int count, double deviation) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * deviation);
    }
    return values;
  }

  Network copy() {
    return new Network(middle, inward.clone(), inwardOffsets.clone(), outward.clone(),
        outwardOffsets.clone());
  }

  int rank() {
    return inwardOffsets.length;
  }

  int neurons() {
    return outwardOffsets.length;
  }

  /** The middle of {@code positions} inputs, positions × rank. */
  float[] middles(float[] inputs, int positions) {
    int rank = rank();
    float[] result = Products.of(inputs, positions, inward.length / rank, inward, rank);
    for (int t = 0; t < positions; t++) {
      for (int k = 0; k < rank; k++) {
        float value = result[t * rank + k] + inwardOffsets[k];
        result[t * rank + k] = middle == Middle.RELU ? Math.max(0, value) : value;
      }
    }
    return result;
  }

  /** Logits, positions × neurons. */
  float[] logits(float[] middles, int positions) {
    int neurons = neurons();
    float[] result = new float[positions * neurons];
    for (int t = 0; t < positions; t++) {
      System.arraycopy(outwardOffsets, 0, result, t * neurons, neurons);
    }
    Products.add(middles, positions, rank(), outward, neurons, result);
    return result;
  }

  /** Scales each middle value to mean square 1, which changes no logit but lets all of them share one int8 scale. */
  void balance(float[] inputs, int positions) {
    int rank = rank();
    int hidden = inward.length / rank;
    int neurons = neurons();
    float[] middles = middles(Arrays.copyOf(inputs, positions * hidden), positions);
    for (int k = 0; k < rank; k++) {
      double squares = 0;
      for (int t = 0; t < positions; t++) {
        squares += (double) middles[t * rank + k] * middles[t * rank + k];
      }
      float scale = (float) Math.sqrt(squares / positions);
      if (scale > 1e-12f) {
        for (int j = 0; j < hidden; j++) {
          inward[j * rank + k] /= scale;
        }
        inwardOffsets[k] /= scale;
        for (int i = 0; i < neurons; i++) {
          outward[k * neurons + i] *= scale;
        }
      }
    }
  }
}
