package dev.sluice.engine.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.engine.session.SparsityChoice;
import dev.sluice.engine.session.TinyStore;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Divergence against its definition, on the logits that two sessions give token by token. */
class WindowedQualityTest {
  private static final int WINDOW = 12;
  private static final int WINDOWS = 3;

  @TempDir
  Path folder;

  @ParameterizedTest
  @EnumSource(FfnForm.class)
  void isWhatSteppedTokensGive(FfnForm form) {
    Path path = TinyStore.of(form).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
    int[] tokens =
        new Random(22).ints(WINDOW * WINDOWS + 5, 0, TinyStore.VOCABULARY).toArray();
    try (Store store = Store.open(path); Workers workers = new Workers(2)) {
      Activity exact = Activity.exact(TinyStore.LAYERS);
      Activity sparse =
          SparsityChoice.resolve(store, ActiveRule.OUTPUT, OptionalDouble.of(0.25));
      try (Engine all = new Engine(store, workers, Backend.AUTO, exact, PredictorChoice.ALL);
          Engine less = new Engine(store, workers, Backend.AUTO, sparse, PredictorChoice.ALL);
          LayerStream layers = all.openLayers()) {
        WindowedQuality quality = all.windowedQuality(layers, tokens, WINDOW);
        WindowedQuality.Result result =
            quality.measure(sparse, all.blockPredictor(), ProgressListener.SILENT);
        Perplexity.Result whole = all.perplexity(layers, WINDOW)
            .measure(tokens, WINDOW, sparse, all.blockPredictor(), (d, t) -> {});
        assertEquals(WINDOWS, result.windows().size());
        assertEquals(whole.perplexity(), result.perplexity(), 1e-9 * whole.perplexity());
        assertEquals(whole.accuracy(), result.accuracy(), 1e-12);
        assertSameShares(whole.layers(), result.layers());
        assertEquals(LayerShares.meanActive(whole.layers()),
            result.windows().stream().mapToDouble(WindowedQuality.Window::activeShare).average()
                .orElseThrow(),
            1e-9);
        for (int w = 0; w < WINDOWS; w++) {
          int[] window = Arrays.copyOfRange(tokens, w * WINDOW, (w + 1) * WINDOW);
          double expected = divergence(all, less, window);
          assertTrue(expected > 0);
          assertEquals(expected, result.windows().get(w).divergenceNats(), 1e-5);
          assertEquals(0, quality.dense().windows().get(w).divergenceNats());
        }
      }
    }
  }

  private static double divergence(Engine dense, Engine sparse, int[] window) {
    double sum = 0;
    try (Session first = session(dense); Session second = session(sparse)) {
      for (int token : window) {
        double[] p = logProbabilities(first.step(token));
        double[] q = logProbabilities(second.step(token));
        for (int v = 0; v < p.length; v++) {
          sum += Math.exp(p[v]) * (p[v] - q[v]);
        }
      }
    }
    return sum / window.length;
  }

  private static double[] logProbabilities(float[] logits) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    double[] result = new double[logits.length];
    for (int v = 0; v < result.length; v++) {
      result[v] = logits[v] - Math.log(sum);
    }
    return result;
  }

  private static Session session(Engine engine) {
    return new Session(engine, WINDOW, new Residency(50, 0, Window.auto(), 64),
        new ReadPlanner.Limits(4096, 0, 65_536));
  }

  /** Counts to the last bit; magnitudes but for rounding, since threads add blocks up in the order in which they end them. */
  private static void assertSameShares(List<LayerShares> expected, List<LayerShares> actual) {
    assertEquals(expected.size(), actual.size());
    for (int layer = 0; layer < expected.size(); layer++) {
      LayerShares want = expected.get(layer);
      LayerShares got = actual.get(layer);
      assertEquals(want.active(), got.active());
      assertEquals(want.predicted(), got.predicted());
      assertEquals(want.countRecall(), got.countRecall());
      assertEquals(want.magnitudeRecall(), got.magnitudeRecall(), 1e-12);
      assertEquals(want.magnitude(), got.magnitude(), 1e-12 * want.magnitude());
    }
  }
}
