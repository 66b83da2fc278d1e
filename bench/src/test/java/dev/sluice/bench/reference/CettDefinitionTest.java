package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.trace.Tracer;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Measured CETT curves against the definition, summed out in float64 for each threshold. */
class CettDefinitionTest {
  private static final int WINDOW = 16;
  private static final int WINDOWS = 3;

  // Curves have 32 points an octave, 1/32 apart at most: between two points a step may lie anywhere.
  private static final double BIN = 1 + 1.0 / 32;

  @ParameterizedTest
  @CsvSource({"arcee-relu2,OUTPUT", "arcee-relu,OUTPUT", "llama-silu,OUTPUT", "llama-silu,GATE"})
  void aTargetsThresholdIsTheLargestThatKeepsIt(String name, ActiveRule rule,
      @TempDir Path folder) {
    try (Store store = Store.open(Checkpoints.imported(name))) {
      int[] tokens = new Random(12).ints(WINDOW * WINDOWS, 0, store.spec().vocabulary()).toArray();
      List<CettCurve> curves = curves(store, tokens, folder.resolve("t.trace"), rule);
      DirectFfn direct = DirectFfn.of(store, tokens, WINDOW, WINDOWS);
      for (int layer = 0; layer < store.spec().layers(); layer++) {
        for (double target : new double[] {0.02, 0.05, 0.1, 0.2, 0.4, 0.7}) {
          double threshold = curves.get(layer).thresholdAt(target);
          String where = "layer " + layer + ", target " + target + ", threshold " + threshold;
          assertTrue(threshold > 0, where);
          assertTrue(direct.cett(layer, threshold / BIN, rule) <= target * 1.0001, where);
          assertTrue(direct.cett(layer, threshold * BIN, rule) >= target * 0.9999, where);
        }
        assertEquals(0, curves.get(layer).thresholdAt(0));
      }
    }
  }

  private static List<CettCurve> curves(Store store, int[] tokens, Path target, ActiveRule rule) {
    try (Workers workers = new Workers(2);
        Engine engine =
            new Engine(
                store, workers, Backend.AUTO, Activity.exact(store.spec().layers()),
                PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Tracer.Request request =
          new Tracer.Request(
              target,
              TraceWriter.Existing.REFUSE,
              store.digest(),
              tokens,
              new int[0],
              WINDOW,
              ActiveRule.OUTPUT,
              engine.activity(),
              engine.blockPredictor());
      new Tracer(engine.model(), engine.sweep(layers, WINDOW), workers).trace(request,
          (d, t) -> {});
    }
    try (TraceReader trace = TraceReader.open(target)) {
      return Tracer.curves(trace, rule);
    }
  }
}
