package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FfnWeightsTest {
  @ParameterizedTest
  @CsvSource({"1,1", "64,64", "63,130", "130,63", "1,200", "200,1", "256,688"})
  void turnsAMatrixOfAnyShape(int rows, int columns) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment shorts = arena.allocate(2L * rows * columns, 8);
      MemorySegment ints = arena.allocate(4L * rows * columns, 8);
      for (int i = 0; i < rows * columns; i++) {
        shorts.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
        ints.setAtIndex(ValueLayout.JAVA_INT, i, i);
      }
      MemorySegment turnedShorts = arena.allocate(shorts.byteSize(), 8);
      MemorySegment turnedInts = arena.allocate(ints.byteSize(), 8);
      FfnWeights.transpose(shorts, rows, columns, 2, turnedShorts);
      FfnWeights.transpose(ints, rows, columns, 4, turnedInts);
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
          int value = row * columns + column;
          long at = (long) column * rows + row;
          assertEquals((short) value, turnedShorts.getAtIndex(ValueLayout.JAVA_SHORT, at));
          assertEquals(value, turnedInts.getAtIndex(ValueLayout.JAVA_INT, at));
        }
      }
    }
  }
}
