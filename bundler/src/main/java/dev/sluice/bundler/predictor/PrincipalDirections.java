package dev.sluice.bundler.predictor;

import java.util.Arrays;
import java.util.Random;

/**
 * Orthonormal directions in which inputs are longest on average, their mean included: the first eigenvectors of XᵀX, by
 * simultaneous iteration from a seeded start.
 */
public final class PrincipalDirections {
  private static final int OVERSAMPLING = 8;
  private static final int TILE = 16; // products of other widths are slow
  private static final int ITERATIONS = 6;
  private static final int MAX_POSITIONS = 2048; // evenly spread; more change nothing that counts

  private PrincipalDirections() {}

  /**
   * The first {@code count} directions one after another, fewer if inputs have fewer.
   *
   * @param inputs positions × hidden
   */
  public static float[] of(float[] inputs, int hidden, int count, long seed) {
    int recorded = inputs.length / hidden;
    int positions = Math.min(recorded, MAX_POSITIONS);
    int width = Math.min(hidden, Math.ceilDiv(count + OVERSAMPLING, TILE) * TILE);
    if (count == 0 || positions == 0) {
      return new float[count * hidden];
    }
    Random random = new Random(seed);
    float[] start = new float[width * hidden];
    for (int i = 0; i < start.length; i++) {
      start[i] = (float) random.nextGaussian();
    }
    float[] some = new float[positions * hidden];
    for (int p = 0; p < positions; p++) {
      int from = (int) ((long) p * recorded / positions) * hidden;
      System.arraycopy(inputs, from, some, p * hidden, hidden);
    }
    float[] columns = Products.transpose(some, positions, hidden);
    float[] rows = orthonormal(start, width, hidden);
    for (int round = 0; round < ITERATIONS; round++) {
      float[] basis = Products.transpose(rows, width, hidden);
      float[] along = Products.of(some, positions, hidden, basis, width);
      float[] next = Products.of(columns, hidden, positions, along, width);
      rows = orthonormal(Products.transpose(next, hidden, width), width, hidden);
    }
    return Arrays.copyOf(rows, count * hidden);
  }

  /** Gram and Schmidt, twice over, in double; what is left with nothing of its own becomes 0. */
  private static float[] orthonormal(float[] rows, int count, int hidden) {
    double[][] done = new double[count][hidden];
    float[] result = new float[rows.length];
    for (int k = 0; k < count; k++) {
      double[] row = done[k];
      for (int i = 0; i < hidden; i++) {
        row[i] = rows[k * hidden + i];
      }
      double before = norm(row);
      for (int pass = 0; pass < 2; pass++) {
        for (int j = 0; j < k; j++) {
          double along = dot(row, done[j]);
          for (int i = 0; i < hidden; i++) {
            row[i] -= along * done[j][i];
          }
        }
      }
      double after = norm(row);
      double factor = after > 1e-6 * before ? 1 / after : 0;
      for (int i = 0; i < hidden; i++) {
        row[i] *= factor;
        result[k * hidden + i] = (float) row[i];
      }
    }
    return result;
  }

  private static double norm(double[] row) {
    return Math.sqrt(dot(row, row));
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
