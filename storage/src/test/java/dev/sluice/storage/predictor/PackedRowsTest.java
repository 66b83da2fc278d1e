package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackedRowsTest {
  private static final int ROWS = 24;

  /** Rows of several scales, some with outliers, one of zeros, one constant. */
  static float[] rows(Random random, int cols) {
    float[] rows = new float[ROWS * cols];
    for (int r = 0; r < ROWS; r++) {
      float scale = (float) Math.pow(10, r % 5 - 3);
      for (int c = 0; c < cols; c++) {
        float value = (float) random.nextGaussian() * scale * (random.nextInt(50) == 0 ? 8 : 1);
        rows[r * cols + c] = r == 3 ? 0 : r == 4 ? -0.37f : value;
      }
    }
    return rows;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 8})
  void roundingLosesNoMoreThanHalfALevelOfTheUnclippedScaleAndSaysHowMuch(int bits) {
    for (int cols : new int[] {8, 64, 72, 256}) {
      float[] rows = rows(new Random(bits * 1000L + cols), cols);
      try (Arena arena = Arena.ofConfined()) {
        PackedRows packed = packed(arena, rows, cols, bits);
        float[] back = new float[cols];
        for (int r = 0; r < ROWS; r++) {
          packed.unpack(r, back, 0);
          double lost = 0;
          double allowed = 0;
          for (int from = 0; from < cols; from += PackedRows.GROUP) {
            int to = Math.min(cols, from + PackedRows.GROUP);
            double largest = 0;
            for (int c = from; c < to; c++) {
              largest = Math.max(largest, Math.abs(rows[r * cols + c]));
              lost += Math.pow(rows[r * cols + c] - (double) back[c], 2);
            }
            double half = largest / ((1 << bits - 1) - 0.5) / 2;
            allowed += (to - from) * half * half;
          }
          // 1 % for the scale's own rounding to float16; the last term for its subnormals.
          assertTrue(
              Math.sqrt(lost) <= 1.01 * Math.sqrt(allowed) + 1e-6,
              "row " + r + ", " + cols + " columns");
          assertEquals(Math.sqrt(lost), packed.errorNorm(r), 1e-3 * Math.sqrt(lost) + 1e-9);
        }
      }
    }
  }

  @Test
  void everyTwoBitsMoreLoseMuchLess() {
    int cols = 256;
    float[] rows = rows(new Random(9), cols);
    double before = Double.POSITIVE_INFINITY;
    for (int bits : new int[] {1, 2, 4, 8}) {
      try (Arena arena = Arena.ofConfined()) {
        PackedRows packed = packed(arena, rows, cols, bits);
        double error = 0;
        for (int r = 5; r < ROWS; r++) {
          error += packed.errorNorm(r);
        }
        assertTrue(error < before * 0.75, bits + " bits: " + error + " after " + before);
        before = error;
      }
    }
  }

  @Test
  void aRowPackedAgainLeavesItsNeighboursAlone() {
    int cols = 72;
    float[] rows = rows(new Random(2), cols);
    try (Arena arena = Arena.ofConfined()) {
      PackedRows packed = packed(arena, rows, cols, 2);
      byte[] before = packed.memory().toArray(ValueLayout.JAVA_BYTE);
      packed.pack(7, rows, 9 * cols);
      packed.pack(7, rows, 7 * cols);
      assertArrayEquals(before, packed.memory().toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void unpacksAtAnOffsetAndNothingBeyond() {
    int cols = 64;
    float[] rows = rows(new Random(3), cols);
    try (Arena arena = Arena.ofConfined()) {
      PackedRows packed = packed(arena, rows, cols, 4);
      float[] target = new float[cols + 4];
      target[1] = 7;
      target[cols + 2] = 9;
      packed.unpack(1, target, 2);
      assertEquals(7, target[1]);
      assertEquals(9, target[cols + 2]);
      assertEquals(rows[cols], target[2], 0.2 * Math.abs(rows[cols]) + 0.02);
    }
  }

  /** The levels −7/2 … 7/2 are the codes 0 … 7: in octal 76543210, in three bytes 0xfac688. */
  @Test
  void threeBitsLieAcrossBytes() {
    try (Arena arena = Arena.ofConfined()) {
      PackedRows packed = new PackedRows(arena.allocate(PackedRows.rowBytes(8, 3)), 1, 8, 3);
      float[] levels = {-3.5f, -2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 3.5f};
      packed.pack(0, levels, 0);
      for (int at = 0; at < 3; at++) {
        assertEquals((byte) (0xfac688 >> 8 * at),
            packed.memory().get(ValueLayout.JAVA_BYTE, at));
      }
      float[] back = new float[8];
      packed.unpack(0, back, 0);
      assertArrayEquals(levels, back);
      assertEquals(0, packed.errorNorm(0));
    }
  }

  @Test
  void refusesShapesThatItCannotHold() {
    assertThrows(IllegalArgumentException.class, () -> PackedRows.rowBytes(64, 5));
    assertThrows(IllegalArgumentException.class, () -> PackedRows.rowBytes(60, 4));
    assertThrows(IllegalArgumentException.class, () -> PackedRows.rowBytes(0, 4));
    assertEquals(32 + 2 + 4, PackedRows.rowBytes(64, 4));
    assertEquals(24 + 2 + 4, PackedRows.rowBytes(64, 3));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment small = arena.allocate(2L * PackedRows.rowBytes(64, 4) - 1);
      assertThrows(IllegalArgumentException.class, () -> new PackedRows(small, 2, 64, 4));
    }
  }

  static PackedRows packed(Arena arena, float[] rows, int cols, int bits) {
    int count = rows.length / cols;
    MemorySegment memory = arena.allocate((long) count * PackedRows.rowBytes(cols, bits), 64);
    PackedRows packed = new PackedRows(memory, count, cols, bits);
    for (int r = 0; r < count; r++) {
      packed.pack(r, rows, r * cols);
    }
    return packed;
  }
}
