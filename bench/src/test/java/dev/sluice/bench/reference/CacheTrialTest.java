package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.cache.CachePlan;
import dev.sluice.bench.cache.CacheResult;
import dev.sluice.bench.cache.CacheResult.Entry;
import dev.sluice.bench.cache.CacheTrial;
import dev.sluice.bench.compare.Progress;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The trial of cache policies over the trace that the store was bundled from: figures that must agree, not a judgement. */
class CacheTrialTest {
  private static final int WARM = 16;
  private static final int TOKENS = 8;
  private static final int ROUNDS = 2;

  @TempDir
  private Path folder;

  private CachePlan plan(int rounds) {
    Twin twin = Twin.of("relu2");
    return new CachePlan(twin.bundled(), twin.trace(), folder, 10_240, CachePolicy.NAMES,
        List.of(0.25, 0.5), List.of(0.5, 1.0), WARM, TOKENS, rounds,
        new ReadPlanner.Limits(4096, -1, 512 << 10));
  }

  @Test
  void figuresAgree() throws Exception {
    CacheResult result = CacheTrial.run(plan(ROUNDS), "test", "a processor", Progress.SILENT);
    assertEquals(2, result.points().size());
    double fewest = 1;
    for (CacheResult.Point point : result.points()) {
      assertEquals(CachePolicy.NAMES.size() + 2, point.entries().size());
      double bound = named(point, CacheResult.BOUND).hitRate();
      for (Entry entry : point.entries()) {
        assertTrue(entry.pinShare() == 1 || entry.hitRate() <= bound, entry.policy());
        assertTrue(entry.hitRate() > 0.3 && entry.hitRate() < 1, entry.policy());
        double missed = wanted() * (1 - entry.hitRate());
        // Two neighbours may share a page; the third of each three begins on one.
        assertTrue(entry.bytesPerToken() >= missed * 10_240, entry.policy());
        assertTrue(entry.bytesPerToken() <= missed * 12_288, entry.policy());
        assertTrue(entry.requestsPerToken() <= missed, entry.policy());
        assertTrue(entry.ioMillisPerToken() > 0 && entry.leastIoRatio() <= entry.ioRatio()
            && entry.ioRatio() <= entry.mostIoRatio(), entry.policy());
      }
      Entry control = point.entries().getFirst();
      assertEquals("window", control.policy());
      assertEquals(1, control.mostIoRatio());
      Entry pinned = named(point, CacheResult.ALL_PINNED);
      double[] expected = pinnedHitRates(point.slotShare());
      assertTrue(pinned.hitRate() >= expected[0] && pinned.hitRate() <= expected[1]
          && expected[1] - expected[0] < 0.005,
          pinned + " is not in " + expected[0] + ".."
              + expected[1]);
      fewest = Math.min(fewest, 1 - bound);
    }
    assertTrue(1 - named(result.points().getFirst(), CacheResult.BOUND).hitRate() > fewest,
        "more slots, fewer misses");
    assertEquals(result.setting().activeShare(), wanted() / 6 / 1024, 0.02);
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(0, left.count(), "the copy is deleted");
    }
  }

  @Test
  void refusesATraceThatIsTooShort() {
    BadInputException e = assertThrows(BadInputException.class,
        () -> CacheTrial.run(plan(10_000), "test", "a processor", Progress.SILENT));
    assertTrue(e.getMessage().contains("8192 tokens"), e.getMessage());
  }

  private static Entry named(CacheResult.Point point, String policy) {
    return point.entries().stream().filter(entry -> entry.policy().equals(policy)).findFirst()
        .orElseThrow();
  }

  /** Bundles that a measured token wants, by the trace alone. */
  private static double wanted() {
    return count(new boolean[6 * 1024])[0] / (double) (ROUNDS * TOKENS);
  }

  /** The hit rate when the most frequent are pinned; of those as frequent as the last of them none, or all. */
  private static double[] pinnedHitRates(double slotShare) {
    float[] frequency;
    try (Store store = Store.open(Twin.of("relu2").bundled())) {
      frequency = Floats.fromBytes(store.blob(StoreKeys.FREQUENCY).orElseThrow());
    }
    float[] sorted = frequency.clone();
    Arrays.sort(sorted);
    float least = sorted[sorted.length - (int) (slotShare * sorted.length)];
    boolean[] above = new boolean[frequency.length];
    boolean[] withEquals = new boolean[frequency.length];
    for (int i = 0; i < frequency.length; i++) {
      above[i] = frequency[i] > least;
      withEquals[i] = frequency[i] >= least;
    }
    long[] none = count(above);
    return new double[] {(double) none[1] / none[0], (double) count(withEquals)[1] / none[0]};
  }

  /** Active neurons of the measured tokens, and how many of these are pinned (layer · neurons + neuron). */
  private static long[] count(boolean[] pinned) {
    long[] counts = new long[2];
    try (Store store = Store.open(Twin.of("relu2").bundled());
        TraceReader trace = TraceReader.open(Twin.of("relu2").trace())) {
      float[] thresholds = CettCurve.thresholdsAt(
          CettCurve.decode(store.blob(StoreKeys.curve(ActiveRule.OUTPUT)).orElseThrow()), 0.1);
      for (int layer = 0; layer < 6; layer++) {
        TraceChunk chunk = trace.read(layer, 0, null);
        for (int t = WARM; t < WARM + ROUNDS * TOKENS; t++) {
          for (int neuron = 0; neuron < 1024; neuron++) {
            if (chunk.magnitude(t, neuron) > 0
                && chunk.magnitude(t, neuron) >= thresholds[layer]) {
              counts[0]++;
              counts[1] += pinned[layer * 1024 + neuron] ? 1 : 0;
            }
          }
        }
      }
    }
    return counts;
  }
}
