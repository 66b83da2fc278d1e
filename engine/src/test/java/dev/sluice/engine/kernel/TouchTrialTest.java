package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.engine.kernel.TouchTrial.Way;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls of made-up times: the quicker way is found, and until then both get their turns. */
class TouchTrialTest {
  private static final long BYTES = 1 << 20;

  private static final long LONG_AFTER = 10 * TouchTrial.WARM_UP_NANOS;

  /** Calls from a time on; returns how often each way was told. */
  private static Map<Way, Integer> call(TouchTrial trial, int calls, long startNanos,
      Map<Way, Long> nanos) {
    Map<Way, Integer> told = new EnumMap<>(Way.class);
    long now = startNanos;
    for (int i = 0; i < calls; i++) {
      Way way = trial.way(BYTES);
      told.merge(way, 1, Integer::sum);
      trial.note(way, BYTES, now, now + nanos.get(way));
      now += nanos.get(way);
    }
    return told;
  }

  private static TouchTrial warm() {
    TouchTrial trial = new TouchTrial();
    trial.note(Way.PLAIN, BYTES, -5, TouchTrial.WARM_UP_CALL_NANOS);
    return trial;
  }

  @ParameterizedTest
  @CsvSource({"100000, 80000, TOUCHED", "100000, 99000, PLAIN", "100000, 100000, PLAIN",
    "80000, 100000, PLAIN"})
  void theQuickerWayIsTakenIfItIsWorthIt(long plain, long touched, Way want) {
    TouchTrial trial = warm();
    Map<Way, Long> nanos = Map.of(Way.PLAIN, plain, Way.TOUCHED, touched);
    call(trial, 4 * TouchTrial.SAMPLES, LONG_AFTER, nanos);
    assertEquals(Map.of(want, 100), call(trial, 100, LONG_AFTER, nanos));
  }

  /** Loops are slow until they are compiled, the one that touches above all; neither time nor calls alone are enough. */
  @Test
  void whatWarmUpSaysDoesNotCount() {
    Map<Way, Long> cold = Map.of(Way.PLAIN, 1_000L, Way.TOUCHED, 1_000_000L);
    Map<Way, Long> later = Map.of(Way.PLAIN, 100_000L, Way.TOUCHED, 50_000L);
    TouchTrial busy = new TouchTrial();
    int calls = (int) (TouchTrial.WARM_UP_CALL_NANOS / 1_000_000);
    call(busy, 3 * calls, 0, cold);
    call(busy, 4 * TouchTrial.SAMPLES, LONG_AFTER, later);
    assertEquals(Map.of(Way.TOUCHED, 100), call(busy, 100, LONG_AFTER, later));
    TouchTrial idle = new TouchTrial();
    call(idle, 1, 0, cold);
    call(idle, calls / 2, LONG_AFTER, cold);
    call(idle, 8_000, 2 * LONG_AFTER, later);
    assertEquals(Map.of(Way.TOUCHED, 100), call(idle, 100, 3 * LONG_AFTER, later));
  }

  /** A call in which the processor was taken away is one of many. */
  @Test
  void aFewSlowCallsDecideNothing() {
    TouchTrial trial = warm();
    Map<Way, Long> nanos = Map.of(Way.PLAIN, 100_000L, Way.TOUCHED, 50_000L);
    for (int i = 0; i < TouchTrial.SAMPLES / 3; i++) {
      trial.note(Way.TOUCHED, BYTES, LONG_AFTER, LONG_AFTER + 1_000_000_000);
    }
    call(trial, 4 * TouchTrial.SAMPLES, LONG_AFTER, nanos);
    assertEquals(Map.of(Way.TOUCHED, 10), call(trial, 10, LONG_AFTER, nanos));
  }

  @Test
  void callsThatReadLittleAreLeftAlone() {
    TouchTrial trial = new TouchTrial();
    for (int i = 0; i < 100; i++) {
      assertEquals(Way.PLAIN, trial.way(TouchTrial.LEAST_BYTES - 1));
    }
  }
}
