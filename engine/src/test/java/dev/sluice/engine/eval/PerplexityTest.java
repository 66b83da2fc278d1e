package dev.sluice.engine.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.engine.session.SparsityChoice;
import dev.sluice.engine.session.TinyStore;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Perplexity and shares against what single steps of a session give, summed up by the definition. */
class PerplexityTest {
  private static final int WINDOW = 12;
  private static final int WINDOWS = 5;

  @TempDir
  Path folder;

  private static int[] tokens() {
    return new Random(21).ints(WINDOW * WINDOWS + 7, 0, TinyStore.VOCABULARY).toArray();
  }

  @ParameterizedTest
  @CsvSource({
    "UNGATED,OUTPUT,all", "UNGATED,EXACT,quantised-4", "GATED,OUTPUT,quantised-4", "GATED,GATE,all"
  })
  void isTheMeanSurpriseOfSteppedTokens(FfnForm form, ActiveRule rule, String predictor) {
    Path path = TinyStore.of(form).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
    try (Store store = Store.open(path); Workers workers = new Workers(2)) {
      Activity activity =
          rule == ActiveRule.EXACT
              ? Activity.exact(TinyStore.LAYERS)
              : SparsityChoice.resolve(store, rule, OptionalDouble.of(0.125));
      PredictorChoice choice = PredictorChoice.parse(predictor);
      try (Engine engine = new Engine(store, workers, Backend.AUTO, activity, choice);
          LayerStream layers = engine.openLayers()) {
        Perplexity.Result result =
            engine
                .perplexity(layers, WINDOW)
                .measure(tokens(), WINDOW, activity, engine.blockPredictor(), (done, total) -> {});
        double[] nats = {0};
        long[] active = new long[TinyStore.LAYERS];
        long[] predicted = new long[TinyStore.LAYERS];
        for (int w = 0; w < WINDOWS; w++) {
          step(engine, Arrays.copyOfRange(tokens(), w * WINDOW, (w + 1) * WINDOW), nats, active,
              predicted);
        }
        double mean = nats[0] / (WINDOWS * (WINDOW - 1));
        assertEquals(WINDOWS * (WINDOW - 1), result.positions());
        assertEquals(WINDOWS, result.windows());
        assertEquals(mean, result.nats(), 1e-5 * mean);
        assertEquals(Math.exp(mean), result.perplexity(), 1e-4 * Math.exp(mean));
        checkShares(result.layers(), active, predicted);
        if (choice.kind() == PredictorChoice.Kind.QUANTISED) {
          assertEquals(1, LayerShares.magnitudeRecall(result.layers()),
              "a certain margin misses nothing");
          result.layers().forEach(layer -> assertEquals(1, layer.countRecall()));
        }
      }
    }
  }

  private static void step(
      Engine engine, int[] window, double[] nats, long[] active, long[] predicted) {
    ReadPlanner.Limits limits = new ReadPlanner.Limits(4096, 0, 65_536);
    try (Session session =
        new Session(engine, WINDOW, new Residency(50, 0, Window.auto(), 64), limits)) {
      for (int t = 0; t < WINDOW; t++) {
        float[] logits = session.step(window[t]);
        if (t + 1 < WINDOW) {
          double sum = 0;
          for (float logit : logits) {
            sum += Math.exp(logit - (double) logits[window[t + 1]]);
          }
          nats[0] += Math.log(sum);
        }
      }
      for (int layer = 0; layer < TinyStore.LAYERS; layer++) {
        active[layer] += session.ledger().ofLayer(layer, Quantity.ACTIVE);
        predicted[layer] += session.ledger().ofLayer(layer, Quantity.PREDICTED);
      }
    }
  }

  private static void checkShares(List<LayerShares> layers, long[] active, long[] predicted) {
    double cells = WINDOW * WINDOWS * (double) TinyStore.NEURONS;
    for (int layer = 0; layer < layers.size(); layer++) {
      assertEquals(active[layer] / cells, layers.get(layer).active(), 1e-12);
      assertEquals(predicted[layer] / cells, layers.get(layer).predicted(), 1e-12);
      assertTrue(active[layer] > 0 && active[layer] < cells);
    }
  }

  @Test
  void aTextShorterThanAWindowIsRefused() {
    Path path =
        TinyStore.of(FfnForm.GATED).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
    Activity exact = Activity.exact(TinyStore.LAYERS);
    try (Store store = Store.open(path);
        Workers workers = new Workers(1);
        Engine engine = new Engine(store, workers, Backend.AUTO, exact, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Perplexity perplexity = engine.perplexity(layers, WINDOW);
      assertThrows(
          IllegalArgumentException.class,
          () -> perplexity.measure(
              new int[WINDOW - 1], WINDOW, exact, engine.blockPredictor(), (d, t) -> {}));
      assertThrows(
          IllegalArgumentException.class,
          () -> perplexity.measure(new int[5], 1, exact, engine.blockPredictor(), (d, t) -> {}));
    }
  }

  /** The last of 32 steps that holds, and the next, which does not. */
  @Test
  void theOnePercentSearchFindsTheLastStepThatHolds() {
    Path path =
        TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
    Activity exact = Activity.exact(TinyStore.LAYERS);
    try (Store store = Store.open(path);
        Workers workers = new Workers(2);
        Engine engine = new Engine(store, workers, Backend.AUTO, exact, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      // A curve so flat that perplexity passes the limit within the targets that are searched.
      CettCurve curve = new CettCurve(new float[] {1e-4f, 100}, new float[] {1e-6f, 0.2f}, 100);
      List<CettCurve> curves = Collections.nCopies(TinyStore.LAYERS, curve);
      Perplexity perplexity = engine.perplexity(layers, WINDOW);
      int[] tokens = ownText(engine);
      OnePercentSearch.Result search =
          new OnePercentSearch(perplexity, tokens, WINDOW, TinyStore.NEURONS)
              .search(ActiveRule.OUTPUT, curves, (done, total) -> {});
      double found = search.target();
      double dense = at(perplexity, engine, tokens, exact);
      double above = found + 0.2 / 32;
      assertEquals(found, Math.rint(found * 160) / 160, 1e-12, "a multiple of 0.2 / 32");
      assertTrue(found > 0 && above < 0.2, "found " + found);
      assertTrue(at(perplexity, engine, tokens, sparse(curves, found)) <= 1.01 * dense);
      double beyond = at(perplexity, engine, tokens, sparse(curves, above)) / dense;
      assertTrue(beyond > 1.01);
      assertEquals(beyond, search.tried().ratioAt(above).orElseThrow(), 1e-12);
    }
  }

  /** What the dense model itself would go on with: any change of its sums makes it less sure of that. */
  private static int[] ownText(Engine engine) {
    int[] tokens = new int[WINDOW * WINDOWS];
    ReadPlanner.Limits limits = new ReadPlanner.Limits(4096, 0, 65_536);
    try (Session session =
        new Session(engine, WINDOW, new Residency(0, 0, Window.auto(), 64), limits)) {
      for (int w = 0; w < WINDOWS; w++) {
        session.restart();
        tokens[w * WINDOW] = 11 * w;
        for (int t = 1; t < WINDOW; t++) {
          float[] logits = session.step(tokens[w * WINDOW + t - 1]);
          int best = 0;
          for (int v = 1; v < logits.length; v++) {
            best = logits[v] > logits[best] ? v : best;
          }
          tokens[w * WINDOW + t] = best;
        }
      }
    }
    return tokens;
  }

  private static Activity sparse(List<CettCurve> curves, double target) {
    return new Activity(ActiveRule.OUTPUT, target, CettCurve.thresholdsAt(curves, target));
  }

  private static double at(
      Perplexity perplexity, Engine engine, int[] tokens, Activity activity) {
    return perplexity
        .measure(tokens, WINDOW, activity, engine.blockPredictor(), (done, total) -> {})
        .perplexity();
  }
}
