package dev.sluice.engine.predict;

import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;

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

  void resize(LowRankLayer map, int count) {
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
    }
  }
}
