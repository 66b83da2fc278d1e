package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByteTranspositionTest {

  @ParameterizedTest
  @CsvSource({
    "8, 8, 0, 8", "64, 32, 0, 32", "256, 32, 0, 32", "1, 32, 0, 32", "7, 256, 0, 256",
    "13, 8, 0, 8",
    "24, 256, 0, 256", "24, 32, 2, 34", "13, 32, 36, 272"
  })
  void everyByteGoesToItsPlace(int rows, int columns, int from, int stride) {
    byte[] source = new byte[from + rows * stride];
    new SplittableRandom(rows).nextBytes(source);
    byte[] target = new byte[rows * columns];
    ByteTransposition.transpose(source, from, stride, rows, columns, target);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        assertEquals(
            source[from + row * stride + column], target[column * rows + row],
            row + ", " + column);
      }
    }
  }
}
