package dev.sluice.bundler.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.NoSuchElementException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pieces put together are the matrix row by row, whatever their number, and errors are those of what was written. */
class MatrixRequantisationTest {
  private static final int ROWS = 331;
  private static final int COLS = 96;

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1"})
  void piecesAreTheRowsInOrder(TensorType to) {
    try (Arena arena = Arena.ofShared()) {
      float[] weights = weights();
      MemorySegment source = arena.allocateFrom(ValueLayout.JAVA_FLOAT, weights);
      MemorySegment want = arena.allocate(ROWS * to.bytes(COLS));
      RowEncoder encoder = new RowEncoder(to);
      for (int r = 0; r < ROWS; r++) {
        encoder.encode(weights, r * COLS, COLS, want, r * to.bytes(COLS));
      }
      for (int pieceRows : new int[] {1, 64, 100, ROWS}) {
        MatrixRequantisation anew =
            new MatrixRequantisation(TensorType.F32, source, ROWS, COLS, to,
                arena, pieceRows * to.bytes(COLS));
        MemorySegment got = arena.allocate(want.byteSize());
        long at = 0;
        while (anew.hasNext()) {
          MemorySegment piece = anew.next();
          MemorySegment.copy(piece, 0, got, at, piece.byteSize());
          at += piece.byteSize();
        }
        assertEquals(want.byteSize(), at);
        assertEquals(-1, want.mismatch(got), to + " in pieces of " + pieceRows);
        assertThrows(NoSuchElementException.class, anew::next);
        requireErrors(anew, weights, got, to);
      }
    }
  }

  private static void requireErrors(MatrixRequantisation anew, float[] weights, MemorySegment got,
      TensorType to) {
    float[] back = new float[weights.length];
    TensorDecoder.decode(to, got, 0, back, 0, back.length);
    double errors = 0;
    double squares = 0;
    for (int i = 0; i < back.length; i++) {
      errors += ((double) weights[i] - back[i]) * ((double) weights[i] - back[i]);
      squares += (double) weights[i] * weights[i];
    }
    assertEquals(squares, anew.squares(), 1e-9 * squares);
    assertEquals(errors, anew.squaredErrors(), 1e-6 * errors);
    assertTrue(errors > 0);
  }

  @Test
  void aRowWiderThanAPieceIsAPiece() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment source = arena.allocateFrom(ValueLayout.JAVA_FLOAT, weights());
      MatrixRequantisation anew = new MatrixRequantisation(TensorType.F32, source, ROWS, COLS,
          TensorType.Q4_0, arena, 7);
      assertEquals(TensorType.Q4_0.bytes(COLS), anew.next().byteSize());
    }
  }

  private static float[] weights() {
    Random random = new Random(5);
    float[] weights = new float[ROWS * COLS];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) random.nextGaussian();
    }
    return weights;
  }
}
