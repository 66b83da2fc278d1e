package dev.sluice.bundler.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import java.util.Arrays;
import java.util.Random;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PrincipalDirectionsTest {
  /** No other directions would leave less of the inputs: an SVD in double precision says what can be caught. */
  @ParameterizedTest
  @CsvSource({"300,24,4,1", "3000,64,8,2", "40,64,16,3"})
  void catchAsMuchOfTheInputsAsCanBe(int positions, int hidden, int count, long seed) {
    Random random = new Random(seed);
    float[] inputs = new float[positions * hidden];
    DMatrixRMaj matrix = new DMatrixRMaj(positions, hidden);
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = (float) (random.nextGaussian() / (1 + i % hidden) + 0.3);
      matrix.set(i, inputs[i]);
    }
    float[] found = PrincipalDirections.of(inputs, hidden, count, seed);
    SingularValueDecomposition_F64<DMatrixRMaj> svd =
        DecompositionFactory_DDRM.svd(positions, hidden, false, false, true);
    assertTrue(svd.decompose(matrix));
    double[] values = Arrays.stream(svd.getSingularValues()).sorted().toArray();
    double most = 0;
    for (int k = 0; k < count; k++) {
      most += values[values.length - 1 - k] * values[values.length - 1 - k];
    }
    double caught = 0;
    for (int k = 0; k < count; k++) {
      for (int p = 0; p < positions; p++) {
        double along = 0;
        for (int j = 0; j < hidden; j++) {
          along += (double) found[k * hidden + j] * inputs[p * hidden + j];
        }
        caught += along * along;
      }
      for (int l = 0; l <= k; l++) {
        double product = 0;
        for (int j = 0; j < hidden; j++) {
          product += (double) found[k * hidden + j] * found[l * hidden + j];
        }
        assertEquals(k == l ? 1 : 0, product, 1e-5);
      }
    }
    assertEquals(1, caught / most, 0.02);
  }

  @Test
  void inputsOfFewDirectionsGiveNoMoreThanThose() {
    float[] inputs = new float[10 * 32];
    for (int p = 0; p < 10; p++) {
      inputs[p * 32 + p % 2] = p;
    }
    float[] found = PrincipalDirections.of(inputs, 32, 4, 1);
    for (int i = 2 * 32; i < found.length; i++) {
      assertEquals(0, found[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"certified-3", "certified-7", "certified-4-2", "early-certified-4", "certified",
        "certified-4@1e-9"})
  void copiesThatCannotBeAreRefused(String name) {
    assertThrows(BadInputException.class, () -> PredictorRecipe.parse(name));
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5, 6, 8})
  void copiesThatCanBeAreNotRefused(int bits) {
    assertEquals("certified-" + bits, PredictorRecipe.parse("certified-" + bits).toString());
  }
}
