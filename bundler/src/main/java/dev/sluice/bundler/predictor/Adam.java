package dev.sluice.bundler.predictor;

import java.util.stream.IntStream;

/** Adam (Kingma and Ba 2015) on one array of parameters. */
final class Adam {
  private static final float FIRST = 0.9f;
  private static final float SECOND = 0.999f;
  private static final float EPSILON = 1e-8f;
  private static final int CHUNK = 1 << 14;

  private final float[] parameters;
  private final float[] mean;
  private final float[] square;
  private int steps;

  Adam(float[] parameters) {
    this.parameters = parameters;
    this.mean = new float[parameters.length];
    this.square = new float[parameters.length];
  }

  void step(float[] gradient, float rate) {
    steps++;
    float meanScale = (float) (1 / (1 - Math.pow(FIRST, steps)));
    float squareScale = (float) (1 / (1 - Math.pow(SECOND, steps)));
    IntStream.range(0, (parameters.length + CHUNK - 1) / CHUNK).parallel().forEach(chunk -> {
      int to = Math.min(parameters.length, (chunk + 1) * CHUNK);
      for (int i = chunk * CHUNK; i < to; i++) {
        float g = gradient[i];
        mean[i] = FIRST * mean[i] + (1 - FIRST) * g;
        square[i] = SECOND * square[i] + (1 - SECOND) * g * g;
        parameters[i] -= rate * (mean[i] * meanScale)
            / ((float) Math.sqrt(square[i] * squareScale) + EPSILON);
      }
    });
  }
}
