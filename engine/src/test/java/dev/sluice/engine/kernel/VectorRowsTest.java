package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
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

  @Test
  void addressesOfInt8LoopsStayAddedTo() {
    // What a counter's step divides, C2 multiplies out: right, and a twentieth slower.
    for (TensorType type : new TensorType[] {TensorType.Q8_0, TensorType.Q4_0, TensorType.Q4_1}) {
      assertNotEquals(0,
          2 * type.blockBytes() % VectorInt8.STEP, type::toString);
    }
    assertNotEquals(0,
        2 * Int8Vector.BLOCK_BYTES % VectorInt8.STEP);
  }
}
