package dev.sluice.bundler.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.CholeskyDecomposition_F64;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against the definition: a full SVD of W·chol(C) in double precision. */
class OutputSubspaceTest {
  private static final int POSITIONS = 300;

  @ParameterizedTest
  @CsvSource({"60,24,6,1", "60,24,24,2", "30,40,10,3", "200,64,16,4", "20,64,20,5"})
  void isTheTruncatedSvdOfRowsTimesTheRootOfTheCovariance(int neurons, int hidden, int rank,
      long seed) {
    Random random = new Random(seed);
    float[] mix = new float[hidden * hidden];
    for (int j = 0; j < hidden; j++) {
      for (int k = 0; k < hidden; k++) {
        mix[j * hidden + k] = (float) (random.nextGaussian() / (1 + j)); // variances fall a thousandfold
      }
    }
    float[] sources = normal(random, POSITIONS * hidden);
    float[] inputs = Products.of(sources, POSITIONS, hidden, mix, hidden);
    float[] rows = normal(random, neurons * hidden);
    float[] covariance = OutputSubspace.covariance(inputs, POSITIONS, hidden);
    OutputSubspace found =
        OutputSubspace.of(rows, neurons, hidden, covariance, rank, seed);

    DMatrixRMaj product = rowsTimesRoot(rows, neurons, hidden, covariance);
    SingularValueDecomposition_F64<DMatrixRMaj> svd =
        DecompositionFactory_DDRM.svd(neurons, hidden, false, false, true);
    assertTrue(svd.decompose(product.copy()));
    double[] values = Arrays.stream(svd.getSingularValues()).sorted().toArray();
    double largest = values[values.length - 1];
    double kept = 0;
    double all = 0;
    for (int k = 0; k < values.length; k++) {
      double value = values[values.length - 1 - k];
      all += value * value;
      if (k < rank) {
        kept += value * value;
        assertEquals(value, found.deviations()[k], 2e-3 * largest, "value " + k);
      }
    }
    double captured = captured(found.vectors(), neurons, rank, product);
    assertEquals(kept / all, captured / all, 1e-3, "no subspace keeps more, this one as much");
    assertOrthonormal(found.vectors(), neurons, rank);
  }

  private static float[] normal(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static DMatrixRMaj matrix(float[] values, int rows, int cols) {
    DMatrixRMaj matrix = new DMatrixRMaj(rows, cols);
    for (int i = 0; i < values.length; i++) {
      matrix.set(i, values[i]);
    }
    return matrix;
  }

  private static DMatrixRMaj rowsTimesRoot(float[] rows, int neurons, int hidden,
      float[] covariance) {
    CholeskyDecomposition_F64<DMatrixRMaj> cholesky = DecompositionFactory_DDRM.chol(hidden, true);
    assertTrue(cholesky.decompose(matrix(covariance, hidden, hidden)));
    DMatrixRMaj product = new DMatrixRMaj(neurons, hidden);
    CommonOps_DDRM.mult(matrix(rows, neurons, hidden), cholesky.getT(null), product);
    return product;
  }

  /** ‖UᵀM‖². */
  private static double captured(float[] vectors, int neurons, int rank, DMatrixRMaj product) {
    DMatrixRMaj projected = new DMatrixRMaj(rank, product.numCols);
    CommonOps_DDRM.multTransA(matrix(vectors, neurons, rank), product, projected);
    double sum = 0;
    for (int i = 0; i < projected.getNumElements(); i++) {
      sum += projected.get(i) * projected.get(i);
    }
    return sum;
  }

  private static void assertOrthonormal(float[] vectors, int neurons, int rank) {
    for (int a = 0; a < rank; a++) {
      for (int b = 0; b < rank; b++) {
        double sum = 0;
        for (int i = 0; i < neurons; i++) {
          sum += vectors[i * rank + a] * (double) vectors[i * rank + b];
        }
        assertEquals(a == b ? 1 : 0, sum, 1e-3);
      }
    }
  }
}
