package dev.sluice.engine.sequence;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.engine.sequence.SequenceMethod.Griffin;
import dev.sluice.engine.sequence.SequenceMethod.Tda;
import org.junit.jupiter.api.Test;

/** Worked by hand: three neurons over two tokens. */
class SequenceMethodTest {
  private static final float[][] OUTPUTS = {{3, 4, 0}, {0, 0, -2}};

  private static double[] sums(SequenceMethod method) {
    double[] sums = new double[3];
    for (float[] token : OUTPUTS) {
      double norm = Math.sqrt(token[0] * token[0] + token[1] * token[1] + token[2] * token[2]);
      for (int i = 0; i < sums.length; i++) {
        sums[i] =
            method.together(sums[i], method.term(Math.abs(token[i]), token[i], norm));
      }
    }
    return sums;
  }

  @Test
  void tdaComparesTheRootMeanSquare() {
    // sqrt(9 / 2) = 2.12, sqrt(16 / 2) = 2.83, sqrt(4 / 2) = 1.41
    assertArrayEquals(new double[] {9, 16, 4}, sums(Tda.ROOT_MEAN_SQUARE));
    assertArrayEquals(new byte[] {1, 1, 0},
        Tda.ROOT_MEAN_SQUARE.keep(sums(Tda.ROOT_MEAN_SQUARE), 2, 2.1f));
    assertArrayEquals(new byte[] {0, 1, 0},
        Tda.ROOT_MEAN_SQUARE.keep(sums(Tda.ROOT_MEAN_SQUARE), 2, 2.2f));
  }

  @Test
  void itsUnionComparesTheLargestAndItsMeanTheMean() {
    assertArrayEquals(new byte[] {1, 1, 0}, Tda.UNION.keep(sums(Tda.UNION), 2, 3));
    assertArrayEquals(new byte[] {0, 1, 0}, Tda.MEAN.keep(sums(Tda.MEAN), 2, 2));
  }

  @Test
  void aNeuronThatNeverFiresIsNotKeptByAThresholdOfNothing() {
    assertArrayEquals(new byte[] {0, 1}, Tda.ROOT_MEAN_SQUARE.keep(new double[] {0, 1}, 2, 0));
  }

  @Test
  void griffinScalesEachTokenToLengthOne() {
    // 9 / 25, 16 / 25 and 4 / 4: the last weighs most though its output is least.
    double[] sums = sums(new Griffin(34));
    assertEquals(0.36, sums[0], 1e-12);
    assertEquals(0.64, sums[1], 1e-12);
    assertEquals(1, sums[2], 1e-12);
    assertArrayEquals(new byte[] {0, 0, 1}, new Griffin(34).keep(sums, 2, 0));
    assertArrayEquals(new byte[] {0, 1, 1}, new Griffin(67).keep(sums, 2, 0));
    assertArrayEquals(new byte[] {1, 1, 1}, new Griffin(100).keep(sums, 2, 0));
  }

  @Test
  void ofEqualScoresGriffinKeepsTheFirst() {
    assertArrayEquals(new byte[] {1, 0}, new Griffin(50).keep(new double[] {2, 2}, 1, 0));
  }

  @Test
  void aTokenWithoutOutputSaysNothing() {
    assertEquals(0, new Griffin(50).term(0, 0, 0));
  }

  @Test
  void sharesOutsideOneToHundredAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Griffin(0));
    assertThrows(IllegalArgumentException.class, () -> new Griffin(101));
  }
}
