package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each processor takes one of two ways with binary16 numbers; here both are tried on any. */
class VectorHalvesTest {
  @Test
  void bothWaysConvertEveryFiniteNumber() {
    int n = 1 << 16;
    float[] product = new float[n];
    float[] minimum = new float[n];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment column = arena.allocate(TensorType.F16.bytes(n));
      for (int i = 0; i < n; i++) {
        column.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
      }
      VectorColumns.halves1(column.address(), 1, product, 0, n);
      VectorColumns.normalHalves1(column.address(), 1, minimum, 0, n);
      float[] expected = new float[n];
      Kernels.scalar().axpy(TensorType.F16, 1, column, 0, expected, 0, n);
      for (int i = 0; i < n; i++) {
        if (Float.isFinite(expected[i])) {
          assertEquals(Float.floatToRawIntBits(expected[i]), Float.floatToRawIntBits(product[i]));
          assertEquals(Float.floatToRawIntBits(expected[i]), Float.floatToRawIntBits(minimum[i]));
        }
      }
    }
  }

  @Test
  void bothWaysGiveColumnsTheSameBits() {
    int n = 2560;
    Random random = new Random(2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment column = arena.allocate(TensorType.F16.bytes(n));
      float[] expected = new float[n];
      for (int i = 0; i < n; i++) {
        column.setAtIndex(ValueLayout.JAVA_SHORT, i,
            Float.floatToFloat16((float) random.nextGaussian() * 0x1p-9f));
        expected[i] = (float) random.nextGaussian() * 0x1p-6f;
      }
      float[] sums = expected.clone();
      for (int round = 0; round < 2_000; round++) {
        float factor = (float) random.nextGaussian();
        VectorColumns.halves1(column.address(), factor, expected, 0, n);
        VectorColumns.normalHalves1(column.address(), factor, sums, 0, n);
      }
      assertArrayEquals(Samples.bits(expected), Samples.bits(sums));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2560, 1280, 1312, 1920, 4128, 64, 32})
  void bothWaysGiveRowsTheSameBits(int n) {
    int rows = 3;
    Random random = new Random(1);
    try (Arena arena = Arena.ofConfined()) {
      long stride = TensorType.F16.bytes(n);
      MemorySegment weights = arena.allocate(4L * rows * stride);
      for (int i = 0; i < 4 * rows * n; i++) {
        // One in forty is subnormal, and some are -0.
        float weight = i % 97 == 0 ? -0f : (float) random.nextGaussian() * 0x1p-9f;
        weights.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(weight));
      }
      float[] x = new float[n + 1];
      float[] enlarged = new float[n];
      for (int i = 0; i < n; i++) {
        x[1 + i] = (float) random.nextGaussian();
        enlarged[i] = x[1 + i] * 0x1p112f;
      }
      float[] expected = new float[32 * rows];
      float[] sums = new float[32 * rows];
      for (int round = 0; round < 2_000; round++) { // so that what is compiled is tried too
        VectorRows.bandEnlargedF16(weights.address(), rows * stride, stride, rows, enlarged, 0, n,
            expected);
        VectorRows.bandF16(weights.address(), rows * stride, stride, rows, x, 1, n, sums);
      }
      assertArrayEquals(Samples.bits(expected), Samples.bits(sums));
    }
  }
}
