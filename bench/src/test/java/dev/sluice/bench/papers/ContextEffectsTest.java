package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.bench.papers.ContextEffects.Inertia;
import dev.sluice.bench.papers.ContextEffects.Shift;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver.Block;
import dev.sluice.storage.threshold.ActiveRule;
import org.junit.jupiter.api.Test;

/** Worked by hand. */
class ContextEffectsTest {
  private static final int WINDOW = Effort.WINDOW_TOKENS;
  private static final int NEURONS = 5; // 20 % of them are one

  private static Block block(int sequence, int count, float[] outputs) {
    float[] norms = {1, 1, 1, 1, 10};
    return new Block(null, norms, sequence, 0, count, new float[0], new float[0],
        new float[outputs.length], outputs, new byte[outputs.length]);
  }

  @Test
  void theImportantAreThoseOfTheLargestSquares() {
    assertArrayEquals(new long[] {0b10000},
        SegmentImportance.largest(new double[] {1, 2, 3, 4, 5}));
    assertArrayEquals(new long[] {0b00001},
        SegmentImportance.largest(new double[] {5, 5, 0, 0, 0}));
    assertArrayEquals(new long[] {0b11},
        SegmentImportance.largest(new double[] {9, 8, 0, 0, 0, 0, 0, 0, 0, 0}));
  }

  @Test
  void segmentsShareWhatIsImportantInBoth() {
    SegmentImportance importance = new SegmentImportance(NEURONS, 2);
    for (int window = 0; window < 2; window++) {
      float[] outputs = new float[NEURONS * WINDOW];
      for (int t = 0; t < WINDOW; t++) {
        // Neuron 0 leads in the first half of the first window, neuron 4 by its column's norm everywhere else.
        boolean first = window == 0 && t < WINDOW / 2;
        outputs[t] = 3;
        outputs[4 * WINDOW + t] = first ? 0.1f : 0.4f;
      }
      importance.observe(block(window, WINDOW, outputs));
    }
    importance.layerEnds(0);
    Shift shift = importance.result();
    // 7 pairs of neighbours in each window: one of 14 differs. At distance 4 all pairs of the first window differ.
    assertEquals(13.0 / 14, shift.byDistance().getFirst(), 1e-12);
    assertEquals(4.0 / 8, shift.byDistance().get(3), 1e-12);
    assertEquals(1.0 / 2, shift.byDistance().getLast(), 1e-12);
    assertEquals(0.5, shift.otherText(), 1e-12);
  }

  @Test
  void overlapIsOfWhatBothHaveAmongWhatEitherHas() {
    assertEquals(1.0 / 3, LastTokens.overlap(new long[] {0b011}, new long[] {0b110}));
    assertEquals(1, LastTokens.overlap(new long[] {0}, new long[] {0}));
  }

  @Test
  void pairsAreToldApartByTokenAndHistory() {
    // Two histories, two tokens. What fires: token k makes neuron k fire, history 1 neuron 3 besides.
    LastTokens last = new LastTokens(
        new Activity(ActiveRule.OUTPUT, 0.1, new float[] {2}), 2, 2, 1, NEURONS);
    for (int sequence = 0; sequence < 4; sequence++) {
      float[] outputs = new float[NEURONS * 2];
      outputs[2 * (sequence % 2) + 1] = 2;
      outputs[2 * 2 + 1] = 1.9f; // below the threshold
      outputs[2 * 3 + 1] = sequence / 2 == 1 ? -5 : 0;
      outputs[2 * 4] = 9; // at the first position, which is not looked at
      last.observe(block(sequence, 2, outputs));
    }
    last.layerEnds(0);
    Inertia inertia = last.result();
    assertEquals(0.5, inertia.sameToken(), 1e-12); // {k} and {k, 3}
    assertEquals((0 + 1.0 / 3) / 2, inertia.sameHistory(), 1e-12); // {0} and {1}; {0, 3} and {1, 3}
    assertEquals(0, inertia.neither(), 1e-12); // {0} and {1, 3}
  }

  @Test
  void oneHistoryIsTooFew() {
    Activity activity = new Activity(ActiveRule.OUTPUT, 0.1, new float[] {2});
    assertThrows(IllegalStateException.class,
        () -> new LastTokens(activity, 1, 4, 0, NEURONS).result());
  }
}
