package dev.sluice.bench.synth;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.bundler.coactivation.Activity;
import org.junit.jupiter.api.Test;

final class ActivityStatisticsTest {
  @Test
  void newNeuronsAreThoseOfNoTokenInTheWindow() {
    // Two sequences of four tokens, eight neurons; windows of two tokens.
    Activity activity =
        Activity.of(8, 8, new long[] {0b1, 0b10, 0b111, 0b1001, 0b1, 0b1, 0b1, 0b110000});
    // Third token: neuron 2. Fourth: neuron 3. Seventh: none. Eighth: 4 and 5.
    assertEquals((1 + 1 + 0 + 2) / 4.0 / 8, ActivityStatistics.newShare(activity, 2, 4));
    // As one sequence, the fifth and sixth token count too, and have nothing new.
    assertEquals(4 / 6.0 / 8, ActivityStatistics.newShare(activity, 2, 8));
  }

  @Test
  void hotNeuronsAreCountedFromTheMostFrequent() {
    // Neuron 3 fires 8 times of 10, neurons 0 and 1 once each.
    long[] rows = {8, 8, 8, 8, 8, 8, 8, 8 | 1, 2, 0};
    assertEquals(1 / 4.0, ActivityStatistics.hotShare(Activity.of(10, 4, rows)));
    assertEquals(10 / 40.0, ActivityStatistics.activeShare(Activity.of(10, 4, rows)));
  }

  @Test
  void runsAreCountedInCheckpointOrder() {
    assertEquals(5 / 3.0,
        ActivityStatistics.checkpointRun(Activity.of(2, 8, new long[] {0b110110, 0b1})));
  }
}
