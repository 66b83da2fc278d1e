package dev.sluice.bundler.predictor;

import java.util.Arrays;

/**
 * Foretells linear functions of the FFN's input from an earlier normed state: the block's input, or the input of the FFN before.
 * At first each channel of the earlier state stands for the same channel of the FFN's input, as the residual connection has it;
 * what is left is found by ridge regression, solved by conjugate gradients, all functions at once. The ridge is the one that does best on held-out positions.
 */
final class EarlierStateRegression {
  private static final float[] RIDGES = {1e-3f, 1e-2f, 1e-1f, 1f}; // of the inputs' variance
  private static final int STEPS = 24;

  private EarlierStateRegression() {}

  /**
   * @param functions of the standardised FFN input, hidden × count
   * @return functions of the standardised earlier state, hidden × count
   */
  static float[] of(LayerSamples samples, float[] functions, int count) {
    int hidden = samples.hidden();
    int positions = samples.positions();
    int fitted = samples.fitted();
    float[] inputs = samples.inputs().values();
    float[] wanted =
        Products.of(samples.ffnInputs().values(), positions, hidden, functions, count);
    float[] straight = throughResidual(samples, functions, count);
    float[] left = wanted.clone();
    subtract(left, Products.of(inputs, positions, hidden, straight, count));
    float[] columns = Products.transpose(Arrays.copyOf(inputs, fitted * hidden), fitted, hidden);
    float[] covariance = scaled(
        Products.of(columns, hidden, fitted, Arrays.copyOf(inputs, fitted * hidden), hidden),
        fitted);
    float[] target = scaled(
        Products.of(columns, hidden, fitted, Arrays.copyOf(left, fitted * count), count), fitted);
    float[] best = new float[hidden * count];
    double least = heldOutError(inputs, left, best, positions, fitted, hidden, count);
    for (float ridge : RIDGES) {
      float[] solved = solve(covariance, ridge, target, hidden, count);
      double error = heldOutError(inputs, left, solved, positions, fitted, hidden, count);
      if (error < least) {
        least = error;
        best = solved;
      }
    }
    for (int at = 0; at < best.length; at++) {
      best[at] += straight[at];
    }
    return best;
  }

  /** Functions in which each channel of the FFN's input is replaced by the same channel of the earlier state, by its correlation. */
  private static float[] throughResidual(LayerSamples samples, float[] functions, int count) {
    int hidden = samples.hidden();
    float[] earlier = samples.inputs().values();
    float[] own = samples.ffnInputs().values();
    float[] result = functions.clone();
    for (int j = 0; j < hidden; j++) {
      double product = 0;
      for (int t = 0; t < samples.fitted(); t++) {
        product += earlier[t * hidden + j] * own[t * hidden + j];
      }
      float correlation = (float) (product / samples.fitted());
      for (int c = 0; c < count; c++) {
        result[j * count + c] *= correlation;
      }
    }
    return result;
  }

  /** (C + ridge·I)⁻¹·target, column by column, nearly. */
  private static float[] solve(float[] covariance, float ridge, float[] target, int hidden,
      int count) {
    float[] solution = new float[target.length];
    float[] residual = target.clone();
    float[] direction = target.clone();
    double[] squares = dots(residual, residual, count);
    for (int step = 0; step < STEPS; step++) {
      float[] image = Products.of(covariance, hidden, hidden, direction, count);
      for (int at = 0; at < image.length; at++) {
        image[at] += ridge * direction[at];
      }
      double[] curvature = dots(direction, image, count);
      double[] before = squares;
      for (int at = 0; at < image.length; at++) {
        int c = at % count;
        float length = curvature[c] > 0 ? (float) (before[c] / curvature[c]) : 0;
        solution[at] += length * direction[at];
        residual[at] -= length * image[at];
      }
      squares = dots(residual, residual, count);
      for (int at = 0; at < image.length; at++) {
        int c = at % count;
        float share = before[c] > 0 ? (float) (squares[c] / before[c]) : 0;
        direction[at] = residual[at] + share * direction[at];
      }
    }
    return solution;
  }

  private static double[] dots(float[] a, float[] b, int count) {
    double[] sums = new double[count];
    for (int at = 0; at < a.length; at++) {
      sums[at % count] += (double) a[at] * b[at];
    }
    return sums;
  }

  private static double heldOutError(float[] inputs, float[] left, float[] solved, int positions,
      int fitted, int hidden, int count) {
    int held = positions - fitted;
    float[] own = Arrays.copyOfRange(inputs, fitted * hidden, positions * hidden);
    float[] foretold = Products.of(own, held, hidden, solved, count);
    double squares = 0;
    for (int at = 0; at < foretold.length; at++) {
      double off = left[fitted * count + at] - foretold[at];
      squares += off * off;
    }
    return squares;
  }

  private static float[] scaled(float[] values, int divisor) {
    for (int at = 0; at < values.length; at++) {
      values[at] /= divisor;
    }
    return values;
  }

  private static void subtract(float[] from, float[] what) {
    for (int at = 0; at < from.length; at++) {
      from[at] -= what[at];
    }
  }
}
