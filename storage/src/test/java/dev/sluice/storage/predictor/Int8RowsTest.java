package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Int8RowsTest {
  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({"1,1", "16,2", "17,3", "40,64", "33,7"})
  void everyElementIsWithinHalfAStep(int rows, int cols) {
    float[] values = values(new Random(rows), rows * cols);
    try (Arena arena = Arena.ofConfined()) {
      Int8Rows packed = Int8Rows.pack(values, rows, cols, arena);
      for (int r = 0; r < rows; r++) {
        float largest = 0;
        for (int c = 0; c < cols; c++) {
          largest = Math.max(largest, Math.abs(values[r * cols + c]));
          assertEquals(values[r * cols + c], packed.value(r, c), packed.scale(r) * 0.5001f);
          assertTrue(Math.abs(packed.code(r, c)) <= Int8Rows.LARGEST);
        }
        assertEquals(largest / Int8Rows.LARGEST, packed.scale(r));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"17,8,3", "20,7,4", "16,5,5", "1,4,1"})
  void firstColumnsKeepTheirValues(int rows, int cols, int some) {
    try (Arena arena = Arena.ofConfined()) {
      Int8Rows all = Int8Rows.pack(values(new Random(9), rows * cols), rows, cols, arena);
      Int8Rows first = all.firstCols(some, arena);
      assertEquals(some, first.cols());
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < some; c++) {
          assertEquals(all.value(r, c), first.value(r, c));
        }
        if (some % 2 == 1) {
          assertEquals(0, first.code(r, some), "the padding");
        }
      }
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (Arena arena = Arena.ofConfined()) {
      assertThrows(IllegalArgumentException.class,
          () -> new Int8Rows(arena.allocate(511), 17, 16, new float[17]));
      assertThrows(IllegalArgumentException.class,
          () -> new Int8Rows(arena.allocate(512), 17, 16, new float[16]));
      assertThrows(IllegalArgumentException.class,
          () -> Int8Rows.codeBytes(1, Int8Rows.MAX_COLS + 1));
      assertThrows(IllegalArgumentException.class, () -> Int8Rows.codeBytes(0, 4));
    }
  }
}
