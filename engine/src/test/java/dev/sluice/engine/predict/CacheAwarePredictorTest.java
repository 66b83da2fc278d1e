package dev.sluice.engine.predict;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CacheAwarePredictorTest {
  /**
   * Squares 9, 0.25, 1, 1, 4, 0.01, 100, 0.25 add up to 115.51. Candidates, not resident and named: neurons 1 (0.25), 2 (1), 3 (1), 4
   * (4), in this order; a budget of 0.1 allows 1.1551, of 0.2 allows 4.6204, of 0.3 allows 10.3959.
   */
  @ParameterizedTest
  @CsvSource({
    "0,     11111110", // nothing may be lost
    "0.046, 11111110", // allows 0.2444
    "0.047, 10111110", // allows 0.2552
    "0.1,   10111110", // 0.25 + 1 is too much
    "0.104, 10111110", // allows 1.2494
    "0.105, 10011110", // allows 1.2735; of the equal ones the first goes
    "0.2,   10001110", // 2.25 of 4.6204
    "0.3,   10000110", // 6.25 of 10.3959
    "1,     10000110" // residents stay
  })
  void theSmallestThatWouldBeReadAreLeftOutWithinTheBudget(double budget, String expected) {
    float[] magnitudes = {3, 0.5f, 1, 1, 2, 0.1f, 10, 0.5f, 77};
    byte[] resident = {1, 0, 0, 0, 0, 1, 1, 0};
    byte[] named = {1, 1, 1, 1, 1, 1, 1, 0};
    CacheAwarePredictor.leaveOut(magnitudes, 8, resident, budget, named, new long[8]);
    byte[] left = new byte[8];
    for (int i = 0; i < 8; i++) {
      left[i] = (byte) (expected.charAt(i) - '0');
    }
    assertArrayEquals(left, named);
  }
}
