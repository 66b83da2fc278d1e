package dev.sluice.bundler.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProductsTest {
  @ParameterizedTest
  @CsvSource({"1,1,1", "4,16,16", "5,300,17", "67,33,40", "3,7,50", "130,2,15"})
  void everyElementIsTheChainOfMultiplyAdds(int m, int k, int n) {
    Random random = new Random(m);
    float[] a = new float[m * k];
    float[] b = new float[k * n];
    for (int i = 0; i < a.length; i++) {
      a[i] = (float) random.nextGaussian();
    }
    for (int i = 0; i < b.length; i++) {
      b[i] = (float) random.nextGaussian();
    }
    float[] c = Products.of(a, m, k, b, n);
    for (int r = 0; r < m; r++) {
      for (int j = 0; j < n; j++) {
        float sum = 0;
        for (int p = 0; p < k; p++) {
          sum = Math.fma(a[r * k + p], b[p * n + j], sum);
        }
        assertEquals(sum, c[r * n + j]);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "17,33", "40,16"})
  void transposingTwiceChangesNothing(int rows, int cols) {
    float[] a = new float[rows * cols];
    for (int i = 0; i < a.length; i++) {
      a[i] = i;
    }
    float[] once = Products.transpose(a, rows, cols);
    assertEquals(a[(rows - 1) * cols], once[rows - 1]);
    assertArrayEquals(a, Products.transpose(once, cols, rows));
  }
}
