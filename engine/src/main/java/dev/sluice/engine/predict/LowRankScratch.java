package dev.sluice.engine.predict;

import dev.sluice.storage.predictor.Int8Codes;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;

/** Buffers of one thread for {@link LowRankPredictor}; they grow to the largest layer and block seen. */
final class LowRankScratch {
  final LowRankPredictor.Job job = new LowRankPredictor.Job();
  float[] standard = {};
  short[] inputCodes = {};
  int[] inputSums = {};
  float[] middle = {};
  short[] codes = {};
  int codesStride;
  float[] scales = {};
  int[] sums = {};
  int[] ordered = {};

  /** Computes the middle of {@code count} positions: codes, and what one step of each position's is worth. */
  void squeeze(LowRankLayer map, Int8Products products, float[] normed, int offset, int count) {
    resize(map, count);
    for (int t = 0; t < count; t++) {
      squeezeOne(map, products, normed, offset + t * map.hidden(), t);
    }
  }

  private void squeezeOne(LowRankLayer map, Int8Products products, float[] normed, int from,
      int t) {
    int hidden = map.hidden();
    for (int j = 0; j < hidden; j++) {
      standard[j] = (normed[from + j] - map.centre()[j]) * map.sharpness()[j];
    }
    float scale = Int8Codes.encode(standard, hidden, inputCodes, 0);
    products.products(map.inward(), 0, map.inward().groups(), inputCodes, 0, inputSums, 0);
    int rank = map.rank();
    for (int k = 0; k < rank; k++) {
      middle[k] = inputSums[k] * (scale * map.inward().scale(k)) + map.innerOffsets()[k];
    }
    if (map.middle() == Middle.RELU) {
      for (int k = 0; k < rank; k++) {
        middle[k] = Math.max(0, middle[k]);
      }
    }
    scales[t] = Int8Codes.encode(middle, rank, codes, t * codesStride);
  }

  private void resize(LowRankLayer map, int count) {
    int paddedRank = map.inward().groups() * Int8Rows.GROUP_ROWS;
    codesStride = 2 * map.outward().steps();
    if (standard.length < map.hidden()) {
      standard = new float[map.hidden()];
      inputCodes = new short[2 * map.inward().steps()];
    }
    if (middle.length < paddedRank) {
      middle = new float[paddedRank];
      inputSums = new int[paddedRank];
    }
    if (codes.length < count * codesStride) {
      codes = new short[count * codesStride];
    }
    if (scales.length < count) {
      scales = new float[count];
    }
    int padded = map.outward().groups() * Int8Rows.GROUP_ROWS;
    if (sums.length < padded) {
      sums = new int[padded];
      ordered = new int[padded];
    }
  }
}
