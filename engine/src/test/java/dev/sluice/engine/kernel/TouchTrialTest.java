package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.kernel.TouchTrial.Way;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls on a made-up clock: the quicker way is found, and until then both get their turns. */
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
      long took = nanos.get(way);
      trial.note(way, BYTES, now, now + took);
      now += took;
    }
    return told;
  }

  @ParameterizedTest
  @CsvSource({"100000, 80000, TOUCHED", "100000, 99000, PLAIN", "100000, 100000, PLAIN",
    "80000, 100000, PLAIN"})
  void theQuickerWayIsTakenIfItIsWorthIt(long plain, long touched, Way want) {
    TouchTrial trial = new TouchTrial();
    Map<Way, Long> nanos = Map.of(Way.PLAIN, plain, Way.TOUCHED, touched);
    call(trial, 1, 0, nanos);
    call(trial, 4 * TouchTrial.SAMPLES, LONG_AFTER, nanos);
    assertEquals(Map.of(want, 100), call(trial, 100, 2 * LONG_AFTER, nanos));
  }

  /** Loops are slow until they are compiled, the one that touches above all. */
  @Test
  void whatWarmUpSaysDoesNotCount() {
    TouchTrial trial = new TouchTrial();
    call(trial, 1000, -5, Map.of(Way.PLAIN, 1000L, Way.TOUCHED, 1_000_000L));
    Map<Way, Long> later = Map.of(Way.PLAIN, 100_000L, Way.TOUCHED, 50_000L);
    Map<Way, Integer> told = call(trial, 4 * TouchTrial.SAMPLES, LONG_AFTER, later);
    assertTrue(told.get(Way.PLAIN) >= TouchTrial.SAMPLES, told::toString);
    assertEquals(Map.of(Way.TOUCHED, 100), call(trial, 100, 2 * LONG_AFTER, later));
  }

  /** A call in which the processor was taken away is one of many. */
  @Test
  void aFewSlowCallsDecideNothing() {
    TouchTrial trial = new TouchTrial();
    Map<Way, Long> nanos = Map.of(Way.PLAIN, 100_000L, Way.TOUCHED, 50_000L);
    call(trial, 1, 0, nanos);
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

  @Test
  void touchingStaysWithinMemory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(1000);
      TouchTrial.touch(memory, 0, 1000);
      TouchTrial.touch(memory, 1000, 0);
      assertThrows(IndexOutOfBoundsException.class, () -> TouchTrial.touch(memory, 1, 1000));
      assertThrows(IndexOutOfBoundsException.class, () -> TouchTrial.touch(memory, 0, -1));
    }
  }
}
