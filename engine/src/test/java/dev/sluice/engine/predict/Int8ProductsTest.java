package dev.sluice.engine.predict;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.sluice.storage.predictor.Int8Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vectors of any width give the sums of plain Java. */
class Int8ProductsTest {
  private final Random random = new Random(1);

  @ParameterizedTest
  @ValueSource(ints = {256, 512})
  void vectorsGiveTheSumsOfPlainJava(int vectorBits) {
    Int8Products vectors = new VectorInt8Products(vectorBits);
    for (int round = 0; round < 500; round++) {
      int rows = 1 + random.nextInt(70);
      int cols = 1 + random.nextInt(round % 10 == 0 ? 3_000 : 200);
      check(vectors, rows, cols, round % 3 == 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {256, 512})
  void theLargestSumsFit(int vectorBits) {
    Int8Products vectors = new VectorInt8Products(vectorBits);
    check(vectors, 16, Int8Rows.MAX_COLS, true);
    check(vectors, 17, Int8Rows.MAX_COLS - 1, true);
    check(vectors, 16, Int8Rows.MAX_COLS - 2, true);
  }

  /** @param isExtreme codes and activations of ±127 alone, mostly of one sign */
  private void check(Int8Products vectors, int rows, int cols, boolean isExtreme) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment codes = arena.allocate(Int8Rows.codeBytes(rows, cols));
      for (long i = 0; i < codes.byteSize(); i++) {
        codes.set(ValueLayout.JAVA_BYTE, i, (byte) draw(isExtreme));
      }
      float[] scales = new float[rows];
      Arrays.fill(scales, 1);
      Int8Rows packed = new Int8Rows(codes, rows, cols, scales);
      short[] x = new short[3 + 2 * packed.steps()];
      for (int i = 0; i < x.length; i++) {
        x[i] = (short) draw(isExtreme);
      }
      int from = packed.groups() / 2;
      int[] expected = new int[5 + packed.groups() * Int8Rows.GROUP_ROWS];
      int[] actual = expected.clone();
      new ScalarInt8Products().products(packed, from, packed.groups(), x, 3, expected, 5);
      vectors.products(packed, from, packed.groups(), x, 3, actual, 5);
      assertArrayEquals(expected, actual, rows + " x " + cols);
    }
  }

  private int draw(boolean isExtreme) {
    return isExtreme ? random.nextInt(50) == 0 ? 127 : -127 : random.nextInt(255) - 127;
  }
}
