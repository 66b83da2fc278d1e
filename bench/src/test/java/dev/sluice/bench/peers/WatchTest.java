package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.peers.MemoryGroup.Occupancy;
import dev.sluice.bench.peers.Watch.Sample;
import java.util.List;
import org.junit.jupiter.api.Test;

class WatchTest {
  @Test
  void readsWhatTheKernelSaysOfAProcess() {
    String stat = "42 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 3 0 100 0 0";
    String io = "rchar: 1\nwchar: 2\nread_bytes: 8192\nwrite_bytes: 3\n";
    assertEquals(new Counters(3.0, 8192, 9), Counters.parse(stat, io));
    assertEquals(Counters.NONE, Counters.parse("", ""));
  }

  @Test
  void thisProcessHasUsedSomeTime() {
    assertTrue(Counters.of(ProcessHandle.current().pid()).cpuSeconds() > 0);
  }

  @Test
  void countersGrowEvenlyBetweenSamples() {
    Watch watch = Watch.of(List.of(
        sample(100, 0, 0, 10, 5), sample(200, 4, 1000, 70, 1), sample(400, 5, 5000, 30, 30)));
    assertEquals(new Counters(4.5 - 2, 3000 - 500, 15 - 2.5), watch.between(150, 300));
    assertEquals(new Counters(5, 5000, 25), watch.between(0, 1000));
    assertEquals(new Counters(0, 0, 0), watch.between(300, 300));
    assertEquals(71, Watch.held(watch.fullest()));
  }

  @Test
  void withoutSamplesNothingWasUsed() {
    assertEquals(Counters.NONE, Watch.of(List.of()).between(1, 2));
    assertEquals(Occupancy.NONE, Watch.of(List.of()).fullest());
  }

  private static Sample sample(
      long nanos, double cpuSeconds, double readBytes, long anonymous, long mapped) {
    return new Sample(nanos, new Counters(cpuSeconds, readBytes, readBytes / 200),
        new Occupancy(anonymous, mapped, 1000));
  }
}
