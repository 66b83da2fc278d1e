package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LatencyTest {
  @Test
  void nearestRank() {
    // The example of the usual definition: the 30th percentile of these is 20, the 40th 20, the 50th 35, the 100th 50.
    List<Double> values = List.of(50.0, 15.0, 20.0, 40.0, 35.0);
    assertEquals(15, Latency.percentile(values, 0.05));
    assertEquals(20, Latency.percentile(values, 0.30));
    assertEquals(20, Latency.percentile(values, 0.40));
    assertEquals(35, Latency.percentile(values, 0.50));
    assertEquals(50, Latency.percentile(values, 1.00));
  }

  @Test
  void ninetyNineOfAHundred() {
    List<Double> values = IntStream.rangeClosed(1, 200).mapToObj(i -> (double) i).toList();
    assertEquals(198, Latency.percentile(values, 0.99));
    assertEquals(32, Latency.percentile(values.subList(0, 32), 0.99));
  }

  @Test
  void medianOfOddAndEven() {
    assertEquals(3, Latency.median(new double[] {9, 3, 1}));
    assertEquals(2.5, Latency.median(new double[] {9, 1, 2, 3}));
  }

  @Test
  void nothingHasNoPercentile() {
    assertTrue(Double.isNaN(Latency.percentile(List.of(), 0.5)));
    assertTrue(Double.isNaN(Latency.median(new double[0])));
  }

  @Test
  void rivalsTakeTurns() {
    assertEquals(List.of("A", "B", "A", "B", "A", "B"), Turns.of(List.of("A", "B"), 3));
  }
}
