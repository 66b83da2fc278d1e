package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.bench.papers.QualityCurve.Figure;
import dev.sluice.engine.eval.WindowedQuality.Window;
import java.util.List;
import org.junit.jupiter.api.Test;

class QualityCurveTest {
  private static final double EXACT = 1e-12;
  private static final int[] ALL = {0, 1};

  /** Sparsities .5 (dense), .8, .9; nats 4, 4.02, 4.10; of window 0 alone .4, .7, .9 and 3, 3.01, 3.05. */
  private static final QualityCurve CURVE = new QualityCurve(
      List.of(new Window(3, 0.3, 0, 0.6), new Window(5, 0.2, 0, 0.4)),
      List.of(
          List.of(new Window(3.01, 0.3, 0.01, 0.3), new Window(5.03, 0.18, 0.03, 0.1)),
          List.of(new Window(3.05, 0.26, 0.1, 0.1), new Window(5.15, 0.14, 0.3, 0.1))));

  @Test
  void readsOffPoints() {
    assertEquals(4, CURVE.denseNats(ALL), EXACT);
    assertEquals(0.8, CURVE.sparsity(0, ALL), EXACT);
    assertEquals(0.02, CURVE.at(0, Figure.DIVERGENCE, ALL), EXACT);
    assertEquals(0.2, CURVE.at(1, Figure.ACCURACY, ALL), EXACT);
  }

  @Test
  void interpolatesBetweenThem() {
    assertEquals(4 + 2 / 3.0 * 0.02, CURVE.atSparsity(0.7, Figure.NATS, ALL), EXACT);
    assertEquals(4.06, CURVE.atSparsity(0.85, Figure.NATS, ALL), EXACT);
    assertEquals(0.11, CURVE.atSparsity(0.85, Figure.DIVERGENCE, ALL), EXACT);
    assertEquals(4, CURVE.atSparsity(0.3, Figure.NATS, ALL), EXACT, "zeros alone give more");
    assertEquals(Double.NaN, CURVE.atSparsity(0.95, Figure.NATS, ALL));
  }

  @Test
  void findsTheSparsityOfALoss() {
    assertEquals(0.5 + 0.3 / 2, CURVE.sparsityAtLoss(4.01, ALL), EXACT);
    assertEquals(0.8 + 0.1 / 4, CURVE.sparsityAtLoss(4.04, ALL), EXACT);
    assertEquals(Double.NaN, CURVE.sparsityAtLoss(3.9, ALL), "dense is beyond it");
    assertEquals(Double.NaN, CURVE.sparsityAtLoss(4.2, ALL), "nothing reaches it");
    double rise = Math.expm1(0.06);
    assertEquals(0.85, CURVE.sparsityAtRise(rise, ALL), EXACT);
  }

  @Test
  void everyResampleHasACurveOfItsOwn() {
    assertEquals(3.03, CURVE.atSparsity(0.8, Figure.NATS, new int[] {0, 0}), EXACT);
    assertEquals(0.55, CURVE.sparsityAtLoss(3.005, new int[] {0}), EXACT);
  }

  @Test
  void theFirstCrossingCounts() {
    QualityCurve curve = new QualityCurve(
        List.of(new Window(4, 0, 0, 0.5)),
        List.of(List.of(new Window(4.2, 0, 0, 0.3)), List.of(new Window(4.05, 0, 0, 0.2)),
            List.of(new Window(5, 0, 0, 0.1))));
    assertEquals(0.6, curve.sparsityAtLoss(4.1, new int[] {0}), EXACT);
  }
}
