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

  /** Calls; returns how often each way was told. */
  private static Map<Way, Integer> call(TouchTrial trial, int calls, Map<Way, Long> nanos) {
    Map<Way, Integer> told = new EnumMap<>(Way.class);
    for (int i = 0; i < calls; i++) {
      Way way = trial.way(BYTES);
      told.merge(way, 1, Integer::sum);
      trial.note(way, BYTES, nanos.get(way));
    }
    return told;
  }

  private static TouchTrial warm() {
    TouchTrial trial = new TouchTrial();
    trial.note(Way.PLAIN, BYTES, TouchTrial.WARM_UP_NANOS);
    return trial;
  }

  @ParameterizedTest
  @CsvSource({"100000, 80000, TOUCHED", "100000, 99000, PLAIN", "100000, 100000, PLAIN",
    "80000, 100000, PLAIN"})
  void theQuickerWayIsTakenIfItIsWorthIt(long plain, long touched, Way want) {
    TouchTrial trial = warm();
    Map<Way, Long> nanos = Map.of(Way.PLAIN, plain, Way.TOUCHED, touched);
    call(trial, 4 * TouchTrial.SAMPLES, nanos);
    assertEquals(Map.of(want, 100), call(trial, 100, nanos));
  }

  /** Loops are slow until they are compiled, the one that touches above all. */
  @Test
  void whatWarmUpSaysDoesNotCount() {
    TouchTrial trial = new TouchTrial();
    int calls = (int) (TouchTrial.WARM_UP_NANOS / 1_000_000);
    call(trial, calls, Map.of(Way.PLAIN, 1_000L, Way.TOUCHED, 1_000_000L));
    call(trial, calls, Map.of(Way.PLAIN, 1_000L, Way.TOUCHED, 1_000_000L));
    Map<Way, Long> later = Map.of(Way.PLAIN, 100_000L, Way.TOUCHED, 50_000L);
    call(trial, 4 * TouchTrial.SAMPLES, later);
    assertEquals(Map.of(Way.TOUCHED, 100), call(trial, 100, later));
  }

  /** A call in which the processor was taken away is one of many. */
  @Test
  void aFewSlowCallsDecideNothing() {
    TouchTrial trial = warm();
    Map<Way, Long> nanos = Map.of(Way.PLAIN, 100_000L, Way.TOUCHED, 50_000L);
    for (int i = 0; i < TouchTrial.SAMPLES / 3; i++) {
      trial.note(Way.TOUCHED, BYTES, 1_000_000_000);
    }
    call(trial, 4 * TouchTrial.SAMPLES, nanos);
    assertEquals(Map.of(Way.TOUCHED, 10), call(trial, 10, nanos));
  }

  @Test
  void callsThatReadLittleAreLeftAlone() {
    TouchTrial trial = new TouchTrial();
    for (int i = 0; i < 100; i++) {
      assertEquals(Way.PLAIN, trial.way(TouchTrial.LEAST_BYTES - 1));
    }
  }
}
