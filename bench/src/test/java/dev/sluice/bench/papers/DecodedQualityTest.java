package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.bundler.importer.Importer;
import dev.sluice.engine.eval.WindowedQuality;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DecodedQualityTest {
  private static final int WINDOW = 16;

  @Test
  void divergenceOfTwoKnownDistributions() {
    // p = (3/4, 1/4), q = (1/2, 1/2).
    float[] p = {0, (float) Math.log(3), 0};
    float[] q = {5, 5};
    double norm = DecodedQuality.logSumExp(q, 0, 2);
    assertEquals(5 + Math.log(2), norm, 1e-12);
    assertEquals(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5),
        DecodedQuality.divergence(p, 1, q, norm, 2), 1e-7);
  }

  /** A run that does not look at its cache has the same quality either way. */
  @Test
  void decodingAgreesWithBlocks(@TempDir Path folder) {
    Path root = Path.of(System.getProperty("sluice.root"));
    Path target = folder.resolve("tiny.sluice");
    Importer.importCheckpoint(root.resolve("fixtures/hf/arcee-relu2"), target,
        StoreWriter.Options.DEFAULT, (done, total) -> {});
    try (Store store = Store.open(target); Workers workers = new Workers(1)) {
      int layers = store.spec().layers();
      int vocabulary = store.spec().vocabulary();
      int[] tokens = new Random(3).ints(3 * WINDOW, 0, vocabulary).toArray();
      float[] thresholds = new float[layers];
      Arrays.fill(thresholds, 0.05f);
      Activity thresholded = new Activity(ActiveRule.GATE, 0.1, thresholds);
      Residency residency = new Residency(20, 0, Pinning.FIRST, new CachePolicy.Lru(),
          Integer.MAX_VALUE);
      ReadPlanner.Limits limits = new ReadPlanner.Limits(4096, 0, 1 << 19);
      try (Engine dense = new Engine(store, workers, Backend.AUTO, Activity.exact(layers),
          PredictorChoice.ALL);
          Engine sparse =
              new Engine(store, workers, Backend.AUTO, thresholded, PredictorChoice.ALL);
          LayerStream stream = sparse.openLayers();
          Session all = new Session(dense, WINDOW, residency, limits);
          Session session = new Session(sparse, WINDOW, residency, limits)) {
        WindowedQuality.Result blocks = sparse.windowedQuality(stream, tokens, WINDOW)
            .measure(thresholded, sparse.blockPredictor(), (done, total) -> {});
        DecodedQuality decoded =
            DecodedQuality.measure(all, session, tokens, WINDOW, vocabulary);
        double divergence = blocks.windows().stream()
            .mapToDouble(WindowedQuality.Window::divergenceNats).average().orElseThrow();
        assertEquals(blocks.perplexity(), decoded.perplexity(), 1e-4 * blocks.perplexity());
        assertEquals(divergence, decoded.divergenceNats(), 1e-5 + 1e-3 * divergence);
        assertEquals(true, divergence > 1e-6, "the rule leaves something out: " + divergence);
      }
    }
  }
}
