package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.Reuse;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WindowFiringsTest {
  /** Two windows of two tokens: neuron 0 fires at both tokens of the first; then each neuron fires once. */
  @Test
  void byHand() {
    WindowFirings firings = WindowFirings.of(Activity.of(4, 2, new long[] {1, 1, 1, 2}), 2);
    assertEquals(List.of(2L, 2L), firings.firings());
    assertEquals(List.of(4L, 2L, 2L), firings.products());
    assertEquals(0.625, firings.reuseIfIndependent(new int[] {0, 1})); // rates 3/4 and 1/4
    assertEquals(1, firings.reuseIfIndependent(new int[] {0, 0})); // 1 and 0
    assertEquals(0.5, firings.reuseIfIndependent(new int[] {1, 1})); // a half each
    assertEquals(0.625, firings.reuseIfIndependent(new int[] {1, 0, 1, 0}));
    assertEquals(26 / 36.0, firings.reuseIfIndependent(new int[] {0, 0, 1}), 1e-12); // 5/6 and 1/6
    assertEquals(0, WindowFirings.of(Activity.of(2, 2, new long[2]), 2)
        .reuseIfIndependent(new int[] {0}));
  }

  @Test
  void ofAllWindowsItIsTheNullOfTheText() {
    Random random = new Random(4);
    int tokens = 80;
    long[] rows = random.longs(2L * tokens).map(bits -> bits & random.nextLong()).toArray();
    Activity sets = Activity.of(tokens, 128, rows);
    assertEquals(Reuse.ifIndependent(sets),
        WindowFirings.of(sets, 16).reuseIfIndependent(IntStream.range(0, 5).toArray()), 1e-12);
  }
}
