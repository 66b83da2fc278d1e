package dev.sluice.bundler.predictor;

import java.util.Arrays;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.CholeskyDecomposition_F64;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/**
 * The directions in which a layer's pre-activations vary most, which is the truncated SVD of W·S for S = chol(XᵀX): with
 * U its left singular vectors, U·Uᵀ·W is the best map of that rank on the data (SVDP). W·S is never formed: subspace
 * iteration on W·C·Wᵀ, C = XᵀX / positions, from a seeded random start (Halko, Martinsson, Tropp 2011), needs products of W
 * with a few vectors only.
 *
 * @param vectors U, neurons × rank, orthonormal columns by falling deviation
 * @param deviations singular values over √positions, falling
 */
record OutputSubspace(float[] vectors, float[] deviations) {
  private static final int OVERSAMPLING = 16;
  private static final int ITERATIONS = 3;
  private static final int MAX_PASSES = 8;
  // Of the mean variance: unseen directions are taken to vary a little.
  private static final double RIDGE = 1e-3;

  /**
   * @param rows W, neurons × hidden
   * @param covariance C, hidden × hidden
   * @param rank at most the smaller side of W
   */
  static OutputSubspace of(float[] rows, int neurons, int hidden, float[] covariance, int rank,
      long seed) {
    int width = Math.min(Math.min(neurons, hidden), rank + OVERSAMPLING);
    Random random = new Random(seed);
    float[] start = new float[hidden * width];
    for (int i = 0; i < start.length; i++) {
      start[i] = (float) random.nextGaussian();
    }
    float[] columns = Products.transpose(rows, neurons, hidden);
    float[] basis = orthonormal(Products.of(rows, neurons, hidden, start, width), neurons, width);
    for (int i = 0; i < ITERATIONS; i++) {
      float[] back = Products.of(columns, hidden, neurons, basis, width);
      float[] spread = Products.of(covariance, hidden, hidden, back, width);
      basis = orthonormal(Products.of(rows, neurons, hidden, spread, width), neurons, width);
    }
    // Rayleigh–Ritz: within the subspace the problem is small enough to be solved whole.
    float[] back = Products.of(columns, hidden, neurons, basis, width);
    float[] spread = Products.of(covariance, hidden, hidden, back, width);
    float[] small = Products.of(Products.transpose(back, hidden, width), width, hidden, spread,
        width);
    return rotate(basis, neurons, width, small, rank);
  }

  /** C of standardised inputs with a ridge. */
  static float[] covariance(float[] inputs, int positions, int hidden) {
    float[] used = Arrays.copyOf(inputs, positions * hidden);
    float[] columns = Products.transpose(used, positions, hidden);
    float[] result = Products.of(columns, hidden, positions, used, hidden);
    double trace = 0;
    for (int j = 0; j < hidden; j++) {
      trace += result[j * hidden + j];
    }
    for (int i = 0; i < result.length; i++) {
      result[i] /= positions;
    }
    for (int j = 0; j < hidden; j++) {
      result[j * hidden + j] += (float) (RIDGE * trace / positions / hidden);
    }
    return result;
  }

  /**
   * The same span with orthonormal columns: Y·L⁻ᵀ for L·Lᵀ = YᵀY + shift, again until YᵀY is the identity. The shift keeps
   * the squared, rounded matrix positive; each pass divides the condition by what it allows (shifted Cholesky QR).
   */
  private static float[] orthonormal(float[] columns, int rows, int width) {
    float[] current = columns;
    for (int pass = 0; pass < MAX_PASSES; pass++) {
      DMatrixRMaj gram = symmetric(
          Products.of(Products.transpose(current, rows, width), width, rows, current, width),
          width);
      if (offIdentity(gram) < 1e-4) {
        break;
      }
      float[] inverse = floats(inverseFactor(gram, width));
      current = Products.of(current, rows, width, inverse, width);
    }
    return current;
  }

  private static double offIdentity(DMatrixRMaj gram) {
    double most = 0;
    for (int i = 0; i < gram.numRows; i++) {
      for (int j = 0; j < gram.numCols; j++) {
        most = Math.max(most, Math.abs(gram.get(i, j) - (i == j ? 1 : 0)));
      }
    }
    return most;
  }

  /** L⁻ᵀ for L·Lᵀ = gram + the smallest shift that keeps it positive. */
  private static DMatrixRMaj inverseFactor(DMatrixRMaj gram, int width) {
    double trace = CommonOps_DDRM.trace(gram);
    for (double shift = 1e-7; shift < 1; shift *= 10) {
      DMatrixRMaj shifted = gram.copy();
      for (int i = 0; i < width; i++) {
        shifted.add(i, i, shift * trace);
      }
      CholeskyDecomposition_F64<DMatrixRMaj> cholesky = DecompositionFactory_DDRM.chol(width, true);
      if (cholesky.decompose(shifted)) {
        DMatrixRMaj inverse = cholesky.getT(null);
        CommonOps_DDRM.invert(inverse);
        CommonOps_DDRM.transpose(inverse);
        return inverse;
      }
    }
    throw new IllegalArgumentException("weights or inputs of a layer are no finite numbers");
  }

  /**
   * Of a basis with orthonormal columns, the directions in which what {@code small} describes varies most.
   *
   * @param basis neurons × width
   * @param small covariance of the basis's coordinates, width × width
   */
  static OutputSubspace rotate(float[] basis, int neurons, int width, float[] small,
      int rank) {
    EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(width, true, true);
    if (!eigen.decompose(symmetric(small, width))) {
      throw new IllegalArgumentException("weights or inputs of a layer are no finite numbers");
    }
    Integer[] falling = new Integer[width];
    for (int k = 0; k < width; k++) {
      falling[k] = k;
    }
    Arrays.sort(falling,
        (a, b) -> Double.compare(eigen.getEigenvalue(b).getReal(),
            eigen.getEigenvalue(a).getReal()));
    float[] rotation = new float[width * rank];
    float[] deviations = new float[rank];
    for (int k = 0; k < rank; k++) {
      DMatrixRMaj vector = eigen.getEigenVector(falling[k]);
      deviations[k] =
          (float) Math.sqrt(Math.max(0, eigen.getEigenvalue(falling[k]).getReal()));
      for (int i = 0; i < width; i++) {
        rotation[i * rank + k] = (float) vector.get(i, 0);
      }
    }
    return new OutputSubspace(Products.of(basis, neurons, width, rotation, rank), deviations);
  }

  private static DMatrixRMaj symmetric(float[] values, int n) {
    DMatrixRMaj matrix = new DMatrixRMaj(n, n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        matrix.set(i, j, 0.5 * ((double) values[i * n + j] + values[j * n + i]));
      }
    }
    return matrix;
  }

  private static float[] floats(DMatrixRMaj matrix) {
    float[] result = new float[matrix.getNumElements()];
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) matrix.get(i);
    }
    return result;
  }
}
