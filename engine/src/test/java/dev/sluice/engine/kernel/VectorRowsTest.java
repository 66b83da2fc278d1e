package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A machine takes one of two loops over Q8_0; both run anywhere, if slowly, and agree. */
class VectorRowsTest {
  private static final int OFFSET = 3;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 31, 32})
  void wideAndNarrowLoopsLeaveTheSameSums(int rows) {
    Random random = new Random(rows);
    for (int n : new int[] {32, 64, 96, 2560}) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment weights = Samples.weights(arena, TensorType.Q8_0, random, 4 * rows * n);
        float[] x = Samples.floats(random, n + OFFSET);
        long stride = TensorType.Q8_0.bytes(n);
        float[] narrow = new float[32 * rows + 32];
        float[] wide = new float[32 * rows + 32];
        VectorRows.band8(weights.address(), rows * stride, stride, rows, x, OFFSET, n, narrow);
        VectorRows.bandWide8(weights.address(), rows * stride, stride, rows, x, OFFSET, n, wide);
        assertArrayEquals(Arrays.copyOf(narrow, 32 * rows), Arrays.copyOf(wide, 32 * rows),
            n + " weights a row");
      }
    }
  }
}
