package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.pack.Bundler;
import dev.sluice.engine.eval.LayerShares;
import dev.sluice.engine.eval.Perplexity;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.engine.trace.Tracer;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** What {@code expected.json} of the twins and fixtures says, by the definitions that stand in it. */
class ReferenceTest {
  private static final double LOGIT_TOLERANCE = 1e-3; // of the largest logit
  private static final double PERPLEXITY_TOLERANCE = 1e-3;
  private static final double SHARE_TOLERANCE = 1e-2;
  private static final ReadPlanner.Limits MERGED = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);

  private static Workers workers;

  @BeforeAll
  static void start() {
    workers = new Workers(2);
  }

  @AfterAll
  static void stop() {
    workers.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "arcee-relu", "arcee-relu2", "llama-llama3rope", "llama-relu", "llama-silu", "llama-yarn",
        "nemotron", "opt", "qwen2", "qwen3", "mistral", "gemma2", "gemma3", "bitnet", "relu2",
        "swiglu", "reglu", "relu"
      })
  void logitsAndGreedyContinuation(String name) {
    JsonNode expected = Checkpoints.expected(name);
    JsonNode prompt = expected.has("prompt") ? expected.get("prompt") : expected;
    int[] ids = Checkpoints.ints(prompt.get("input_ids"));
    int[] greedy = Checkpoints.ints(prompt.get("greedy"));
    try (Store store = Store.open(Checkpoints.imported(name));
        Engine engine = dense(store);
        Session session = session(engine, 300)) {
      List<Integer> best = new ArrayList<>();
      float[] logits = session.prompt(ids, (all, offset) -> best.add(argmax(all)));
      assertClose(Checkpoints.doubles(prompt.get("logits_last")), logits);
      assertEquals(Arrays.stream(Checkpoints.ints(prompt.get("logits_argmax"))).boxed().toList(),
          best);
      assertArrayEquals(greedy, continuation(session, logits, greedy.length),
          "after a swept prompt");

      session.restart();
      best.clear();
      for (int id : ids) {
        logits = session.step(id);
        best.add(argmax(logits));
      }
      assertClose(Checkpoints.doubles(prompt.get("logits_last")), logits);
      assertEquals(Arrays.stream(Checkpoints.ints(prompt.get("logits_argmax"))).boxed().toList(),
          best);
      assertArrayEquals(greedy, continuation(session, logits, greedy.length), "after single steps");
      assertTrue(session.ledger().total(Quantity.BYTES_READ) > 0, "weights came from the disk");
    }
  }

  /** Norms inside and after the FFN, biases and windows must not care which silent neurons were read, or how. */
  @ParameterizedTest
  @ValueSource(strings = {"bitnet", "opt", "nemotron", "gemma2", "mistral"})
  void sparseSteppedAndSweptAreTheSameBits(String name) {
    int[] ids = Checkpoints.ints(Checkpoints.expected(name).get("input_ids"));
    try (Store store = Store.open(Checkpoints.imported(name));
        Engine all = dense(store);
        Engine oracle =
            new Engine(store, workers, Backend.AUTO, all.activity(), PredictorChoice.ORACLE);
        Session swept = session(all, ids.length);
        Session stepped = session(oracle, ids.length)) {
      List<float[]> expected = new ArrayList<>();
      swept.prompt(ids, (logits, offset) -> expected.add(logits.clone()));
      for (int t = 0; t < ids.length; t++) {
        assertArrayEquals(expected.get(t), stepped.step(ids[t]), "position " + t);
      }
    }
  }

  private static int[] continuation(Session session, float[] logits, int count) {
    int[] tokens = new int[count];
    float[] current = logits;
    for (int i = 0; i < count; i++) {
      tokens[i] = argmax(current);
      current = session.step(tokens[i]);
    }
    return tokens;
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int v = 1; v < logits.length; v++) {
      best = logits[v] > logits[best] ? v : best;
    }
    return best;
  }

  private static void assertClose(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    for (int v = 0; v < expected.length; v++) {
      assertEquals(expected[v], actual[v], LOGIT_TOLERANCE * largest, "logit " + v);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"relu2", "swiglu"})
  void perplexityOfTheWholeHeldOutText(String name) {
    checkDensePerplexity(name);
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"reglu", "relu"})
  void perplexityOfTheWholeHeldOutTextByTheOtherTwins(String name) {
    checkDensePerplexity(name);
  }

  private static void checkDensePerplexity(String name) {
    Twin twin = Twin.of(name);
    try (Store store = Store.open(twin.bundled());
        Engine engine = dense(store)) {
      Perplexity.Result result = measure(engine, twin.tokens("held-out"));
      JsonNode dense = twin.expected().get("dense");
      assertRelative(dense.get("perplexity").doubleValue(), result.perplexity(),
          PERPLEXITY_TOLERANCE);
      assertEquals(dense.get("accuracy").doubleValue(), result.accuracy(), 1e-3);
      double[] zeros = Checkpoints.doubles(dense.get("zero_share"));
      for (int layer = 0; layer < zeros.length; layer++) {
        assertEquals(1 - zeros[layer], result.layers().get(layer).active(), 1e-3, "layer " + layer);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"relu2", "swiglu"})
  void thresholdsAtEachCettTarget(String name) {
    checkThresholds(name);
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"reglu", "relu"})
  void thresholdsAtEachCettTargetOfTheOtherTwins(String name) {
    checkThresholds(name);
  }

  private static void checkThresholds(String name) {
    Twin twin = Twin.of(name);
    JsonNode all = twin.expected().get("thresholded");
    int checked = 0;
    try (TraceReader trace = TraceReader.open(twin.trace())) {
      for (String key : all.propertyNames()) {
        JsonNode one = all.get(key);
        double target = one.get("cett_target").doubleValue();
        if (target > 0) {
          ActiveRule rule = ActiveRule.ofKey(one.get("rule").stringValue());
          double[] expected = Checkpoints.doubles(one.get("threshold"));
          float[] actual = CettCurve.thresholdsAt(Tracer.curves(trace, rule), target);
          for (int layer = 0; layer < expected.length; layer++) {
            assertRelative(expected[layer], actual[layer], 0.01);
          }
          checked++;
        }
      }
    }
    assertTrue(checked >= 4, "only " + checked + " targets");
  }

  @Test
  void activeSharesOfTheDenseRun() {
    checkDenseRunShares("relu2");
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"swiglu", "reglu", "relu"})
  void activeSharesOfTheDenseRunOfTheOtherTwins(String name) {
    checkDenseRunShares(name);
  }

  private static void checkDenseRunShares(String name) {
    Twin twin = Twin.of(name);
    JsonNode all = twin.expected().get("thresholded");
    try (Store store = Store.open(twin.bundled());
        Engine engine = dense(store);
        LayerStream layers = engine.openLayers()) {
      List<Activity> activities = new ArrayList<>();
      for (String key : all.propertyNames()) {
        JsonNode one = all.get(key);
        ActiveRule rule =
            one.get("cett_target").doubleValue() == 0
                ? ActiveRule.EXACT
                : ActiveRule.ofKey(one.get("rule").stringValue());
        activities.add(rule == ActiveRule.EXACT
            ? Activity.exact(store.spec().layers())
            : Twin.activity(store, rule, one.get("cett_target").doubleValue()));
      }
      DenseRunShares shares = new DenseRunShares(store.spec(), activities);
      shares.measure(engine, layers, twin.tokens("held-out"), Twin.WINDOW_TOKENS);
      int k = 0;
      for (String key : all.propertyNames()) {
        double[] expected = Checkpoints.doubles(all.get(key).get("active_dense_run"));
        for (int layer = 0; layer < expected.length; layer++) {
          assertRelative(expected[layer], shares.share(k, layer), SHARE_TOLERANCE);
        }
        k++;
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"relu2,ppl_1pct_output"})
  void thresholdedRun(String name, String key) {
    checkThresholdedRun(name, key);
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"relu2", "swiglu", "reglu", "relu"})
  void everyThresholdedRun(String name) {
    for (String key : Twin.of(name).expected().get("thresholded").propertyNames()) {
      checkThresholdedRun(name, key);
    }
  }

  private static void checkThresholdedRun(String name, String key) {
    Twin twin = Twin.of(name);
    JsonNode expected = twin.expected().get("thresholded").get(key);
    double target = expected.get("cett_target").doubleValue();
    try (Store store = Store.open(twin.bundled())) {
      Activity activity =
          target == 0
              ? Activity.exact(store.spec().layers())
              : Twin.activity(store, ActiveRule.ofKey(expected.get("rule").stringValue()), target);
      try (Engine engine =
          new Engine(store, workers, Backend.AUTO, activity, PredictorChoice.ORACLE)) {
        Perplexity.Result result = measure(engine, twin.tokens("held-out"));
        assertRelative(
            expected.get("perplexity").doubleValue(), result.perplexity(), PERPLEXITY_TOLERANCE);
        double[] shares = Checkpoints.doubles(expected.get("active_thresholded_run"));
        for (int layer = 0; layer < shares.length; layer++) {
          LayerShares seen = result.layers().get(layer);
          assertRelative(shares[layer], seen.active(), SHARE_TOLERANCE);
        }
      }
    }
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"relu2", "swiglu", "reglu", "relu"})
  void theOnePercentSearchFindsTheReferencesTarget(String name, @TempDir Path folder) {
    Twin twin = Twin.of(name);
    try (Store store = Store.open(Checkpoints.imported(name));
        Engine engine = dense(store);
        LayerStream layers = engine.openLayers()) {
      Path target = folder.resolve("searched.trace");
      Tracer.Request request =
          new Tracer.Request(
              target,
              TraceWriter.Existing.REFUSE,
              store.digest(),
              Arrays.copyOf(twin.tokens("calibration"), Twin.CALIBRATION_TOKENS),
              Arrays.copyOf(twin.tokens("search"), Twin.SEARCH_TOKENS),
              Twin.WINDOW_TOKENS,
              ActiveRule.OUTPUT,
              engine.activity(),
              engine.blockPredictor());
      new Tracer(engine.model(), engine.sweep(layers, Twin.WINDOW_TOKENS), workers)
          .trace(request, (done, total) -> {});
      try (TraceReader trace = TraceReader.open(target)) {
        assertEquals(
            twin.onePercentTarget(ActiveRule.OUTPUT), Bundler.onePercentTarget(trace), 1e-12);
      }
    }
  }

  private static Perplexity.Result measure(Engine engine, int[] tokens) {
    try (LayerStream layers = engine.openLayers()) {
      return engine
          .perplexity(layers, Twin.WINDOW_TOKENS)
          .measure(
              tokens,
              Twin.WINDOW_TOKENS,
              engine.activity(),
              new AllNeurons(engine.store().spec().feedForward()),
              (done, total) -> {});
    }
  }

  private static Engine dense(Store store) {
    return new Engine(
        store, workers, Backend.AUTO, Activity.exact(store.spec().layers()), PredictorChoice.ALL);
  }

  private static Session session(Engine engine, int context) {
    return new Session(engine, context, new Residency(0, 0, Window.auto(), 64), MERGED);
  }

  private static void assertRelative(double expected, double actual, double tolerance) {
    assertEquals(expected, actual, tolerance * Math.abs(expected));
  }
}
