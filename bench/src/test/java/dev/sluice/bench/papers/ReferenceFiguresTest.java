package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.papers.ReferenceFigures.Pair;
import dev.sluice.bench.papers.ReferenceFigures.Quantity;
import org.junit.jupiter.api.Test;

class ReferenceFiguresTest {
  private static Pair pair(Quantity quantity, double expected, double measured) {
    return new Pair(quantity, "cett_0.1", 0, expected, measured);
  }

  @Test
  void onePerCentOrThreeAndWhatIsRoundedAway() {
    assertTrue(pair(Quantity.REUSE, 0.2, 0.20199).agrees());
    assertFalse(pair(Quantity.REUSE, 0.2, 0.20201).agrees());
    assertFalse(pair(Quantity.REUSE, 0.2, 0.19799).agrees());
    assertTrue(pair(Quantity.GAP, 0.5, 0.5149).agrees());
    assertFalse(pair(Quantity.GAP, 0.5, 0.5151).agrees());
    assertEquals(0, pair(Quantity.NEW, 0.0007, 0.00074).deviation());
    assertFalse(pair(Quantity.NEW, 0.0007, 0.00078).agrees());
    assertTrue(pair(Quantity.ZERO, 0, 5.8e-8).agrees());
    assertFalse(pair(Quantity.ZERO, 0, 1e-3).agrees());
    assertFalse(pair(Quantity.THRESHOLD, 0, 1e-3).agrees());
    assertFalse(pair(Quantity.PERPLEXITY, 58, Double.NaN).agrees());
  }
}
