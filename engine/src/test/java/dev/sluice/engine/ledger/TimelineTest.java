package dev.sluice.engine.ledger;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.sluice.engine.ledger.Timeline.Lanes;
import java.util.List;
import org.junit.jupiter.api.Test;

class TimelineTest {
  private static final int WAIT = Quantity.WAIT_NANOS.ordinal();
  private static final int COMPUTE = Quantity.COMPUTE_NANOS.ordinal();
  private static final int ATTENTION = Quantity.ATTENTION_NANOS.ordinal();

  @Test
  void theTokenNearestToTheMedianIsKeptAndTheFirstOnesAreNot() {
    Ledger ledger = new Ledger(1, 2);
    for (int token = 0; token < Timeline.WARM_TOKENS; token++) {
      ledger.spent(0, Quantity.WAIT_NANOS, 0, 10);
      ledger.endToken(100);
      assertFalse(ledger.timeline().isKept());
    }
    for (long nanos : new long[] {500, 90, 120, 130, 110}) {
      ledger.spent(0, Quantity.WAIT_NANOS, 0, nanos);
      ledger.endToken(nanos);
    }
    assertEquals(120, ledger.timeline().tokenNanos(), "the median of the five");
    assertEquals(Timeline.WARM_TOKENS + 2, ledger.timeline().token());
    assertEquals(60, ledger.ofToken(ledger.timeline().token(), Quantity.WAIT_NANOS),
        "one of two threads waited");
  }

  @Test
  void binsHoldWhatTookMostOfThemAndSharedWorkFillsWhatThreadsHaveLeft() throws Exception {
    Ledger ledger = new Ledger(2, 2);
    for (int token = 0; token < Timeline.WARM_TOKENS; token++) {
      ledger.endToken(1);
    }
    ledger.spentByAll(0, Quantity.ATTENTION_NANOS, 1000, 1400);
    Thread other = Thread.ofPlatform().start(() -> {
      ledger.spent(0, Quantity.WAIT_NANOS, 1200, 1400);
      ledger.spent(0, Quantity.COMPUTE_NANOS, 1400, 1460);
    });
    other.join();
    ledger.spent(1, Quantity.COMPUTE_NANOS, 1600, 1700);
    ledger.spent(1, Quantity.WAIT_NANOS, 1700, 1800);
    ledger.endToken(800);
    Lanes whole = ledger.timeline().whole(8);
    assertEquals(0, whole.firstNanos());
    assertEquals(100, whole.binNanos());
    List<int[]> threads = whole.threads();
    assertEquals(2, threads.size());
    assertArrayEquals(
        new int[] {ATTENTION, ATTENTION, WAIT, WAIT, COMPUTE, -1, -1, -1}, threads.get(0));
    assertArrayEquals(
        new int[] {ATTENTION, ATTENTION, ATTENTION, ATTENTION, -1, -1, COMPUTE, WAIT},
        threads.get(1));
    Lanes second = ledger.timeline().layer(1, 2);
    assertEquals(600, second.firstNanos());
    assertArrayEquals(new int[] {COMPUTE, WAIT}, second.threads().getLast());
  }
}
