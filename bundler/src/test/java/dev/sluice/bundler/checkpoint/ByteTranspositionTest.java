package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByteTranspositionTest {

  @ParameterizedTest
  @CsvSource({"8, 8", "64, 32", "256, 32", "1, 32", "7, 256", "13, 8", "24, 256"})
  void everyByteGoesToItsPlace(int rows, int columns) {
    byte[] source = new byte[rows * columns];
    new SplittableRandom(rows).nextBytes(source);
    byte[] target = new byte[source.length];
    ByteTransposition.transpose(source, rows, columns, target);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        assertEquals(
            source[row * columns + column], target[column * rows + row], row + ", " + column);
      }
    }
  }
}
