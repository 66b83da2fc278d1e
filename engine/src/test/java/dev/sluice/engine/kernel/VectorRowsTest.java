package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Loops over Q8_0 turn a binary16 scale into a float in two ways, by what it is. */
class VectorRowsTest {
  private static final int SCALES = 1 << 16;

  @Test
  void aSmallScaleIsTheNumberTimesAPowerOfTwo() {
    for (int bits = Short.MIN_VALUE; bits <= Short.MAX_VALUE; bits++) {
      assertEquals(Float.float16ToFloat((short) bits) * 0x1p-24f, VectorQuants.smallFloat16(bits));
    }
  }

  @Test
  void bytesOfAnIntAreArrangedIntoFourVectors() {
    int n = 96;
    float[] natural = new float[n];
    for (int i = 0; i < n; i++) {
      natural[i] = i;
    }
    float[] arranged = new float[n];
    Kernels.scalar().arrange(TensorType.Q8_0, natural, 0, arranged, 0, n);
    for (int i = 0; i < n; i++) {
      assertEquals(i, arranged[i / 32 * 32 + 8 * (i % 4) + i % 32 / 4]);
    }
  }

  @Test
  void rowsWithEveryScaleHaveTheBitsOfThePlainLoop() {
    Random random = new Random(1);
    int blocks = 64; // of a row: numbers of one kind mostly, so that no infinity hides what else the row has
    int n = 32 * blocks;
    int rows = SCALES / blocks;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = arena.allocate(TensorType.Q8_0.bytes((long) n * rows));
      for (int b = 0; b < SCALES; b++) {
        weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, 34L * b, (short) b);
        for (int k = 0; k < 32; k++) {
          weights.set(ValueLayout.JAVA_BYTE, 34L * b + 2 + k, (byte) random.nextInt());
        }
      }
      float[] x = new float[n];
      for (int i = 0; i < n; i++) {
        x[i] = (float) random.nextGaussian();
      }
      float[] expected = new float[rows];
      float[] out = new float[rows];
      Kernels vectors = new VectorKernels();
      long stride = TensorType.Q8_0.bytes(n);
      Kernels.scalar().dots(TensorType.Q8_0, weights, 0, stride, rows, x, 0, expected, 0, n);
      vectors.dots(TensorType.Q8_0, weights, 0, stride, rows, x, 0, out, 0, n);
      assertArrayEquals(expected, out);
      for (int r = 0; r < rows; r++) {
        out[r] = vectors.dot(TensorType.Q8_0, weights, r * stride, x, 0, n);
      }
      assertArrayEquals(expected, out, "one at a time");
    }
  }
}
