package dev.sluice.bundler.predictor;

/**
 * Inputs less their mean and over their deviation, both by channel and of the first positions.
 *
 * @param centre mean, one per channel
 * @param spread deviation, one per channel
 * @param sharpness one over it; 0 where there is none
 * @param values positions × channels
 */
record Standardised(float[] centre, float[] spread, float[] sharpness, float[] values) {
  private static final float LEAST_SPREAD = 1e-12f;

  /** @param fitted positions that mean and deviation are of */
  static Standardised of(float[] inputs, int channels, int fitted) {
    double[] sums = new double[channels];
    double[] squares = new double[channels];
    for (int t = 0; t < fitted; t++) {
      for (int j = 0; j < channels; j++) {
        sums[j] += inputs[t * channels + j];
      }
    }
    for (int t = 0; t < fitted; t++) {
      for (int j = 0; j < channels; j++) {
        double off = inputs[t * channels + j] - sums[j] / fitted;
        squares[j] += off * off;
      }
    }
    float[] centre = new float[channels];
    float[] spread = new float[channels];
    float[] sharpness = new float[channels];
    for (int j = 0; j < channels; j++) {
      centre[j] = (float) (sums[j] / fitted);
      spread[j] = (float) Math.sqrt(squares[j] / fitted);
      sharpness[j] = spread[j] > LEAST_SPREAD ? 1 / spread[j] : 0;
    }
    float[] values = new float[inputs.length];
    for (int t = 0; t < inputs.length / channels; t++) {
      for (int j = 0; j < channels; j++) {
        values[t * channels + j] = (inputs[t * channels + j] - centre[j]) * sharpness[j];
      }
    }
    return new Standardised(centre, spread, sharpness, values);
  }
}
