package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The bounds by hand and by tables of the normal distribution. */
class ErrorBoundTest {
  /** Two blocks with Δ = 1/2, 1/4 and ‖x‖ = 2, 4: Σ Δ²‖x‖² = 1 + 1, and ln(1/δ) = 6 cancels the 6 under the root. */
  @Test
  void aHandComputedBoundByDither() {
    double[] scales = {0.5, 0.25};
    double[] squares = {4, 16};
    double delta = Math.exp(-6);
    double deviation = Math.sqrt(2.0 / 12);
    assertEquals(Math.sqrt(2), deviation * ErrorBound.subGaussianDeviations(delta), 1e-12);
    double bound = ErrorBound.byDither(scales, squares, delta);
    assertTrue(bound <= Math.sqrt(2) && bound > deviation * 2.8,
        "tail of the normal law: " + bound);
  }

  /** ‖e‖ = 3, 1 and ‖x‖ = 2, 4: 3 · 2 + 1 · 4. */
  @Test
  void aHandComputedBoundByNorms() {
    assertEquals(10, ErrorBound.byNorms(new double[] {3, 1}, new double[] {4, 16}));
  }

  /** P(N ≥ z) from tables. Never below what Pinelis' constant asks for, and at most a few thousandths above. */
  @ParameterizedTest
  @CsvSource({"3,1.349898e-3", "4,3.167124e-5", "5,2.866516e-7", "7,1.279813e-12",
    "9,1.128588e-19"})
  void pinelisIsTheNormalTailTimesItsConstant(double z, double tail) {
    double found = ErrorBound.pinelisDeviations(2 * Math.exp(3) / 9 * tail);
    assertTrue(found >= z && found < z + 0.5 / (z * z), z + " became " + found);
    assertTrue(found < ErrorBound.subGaussianDeviations(2 * Math.exp(3) / 9 * tail));
  }

  @Test
  void theSmallerOfTheTwoIsTaken() {
    assertEquals(ErrorBound.subGaussianDeviations(0.5), ErrorBound.deviations(0.5));
    assertEquals(7.434, ErrorBound.subGaussianDeviations(1e-12), 1e-3);
    assertEquals(7.24, ErrorBound.deviations(1e-12), 1e-2);
    assertTrue(ErrorBound.deviations(1e-300) < ErrorBound.subGaussianDeviations(1e-300));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, -1, Double.NaN})
  void whatIsNoProbabilityIsRefused(double delta) {
    assertThrows(IllegalArgumentException.class, () -> ErrorBound.deviations(delta));
  }

  /** AFM-4.5B has 36 layers of 18,432 neurons: 1e-9 over 10,000 tokens is about 1.5e-19 for each of 6.6e9 decisions. */
  @Test
  void aRunsProbabilityIsShared() {
    assertEquals(1.507e-19, ErrorBound.perDecision(1e-9, 10_000.0 * 36 * 18_432), 1e-22);
  }
}
