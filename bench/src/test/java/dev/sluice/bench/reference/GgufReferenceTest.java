package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.importer.Importer;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.ActivationPrecision;
import dev.sluice.engine.model.KvCache;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Store;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** GGUF files imported and run: logits and greedy tokens as PyTorch has them on the decoded weights. */
class GgufReferenceTest {
  private static final double LOGIT_TOLERANCE = 2e-3; // of the largest logit
  private static final int CONTEXT = 64;
  private static final ReadPlanner.Limits MERGED = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);

  @TempDir
  Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"arcee-f16", "arcee-q8_0", "llama-q4_0", "llama-q8_0", "qwen2-q8_0"})
  void logitsAndGreedyContinuation(String name) {
    Path fixture = Checkpoints.ROOT.resolve("fixtures/gguf").resolve(name);
    JsonNode expected =
        JsonMapper.shared().readTree(fixture.resolve("expected.json").toFile());
    Path target = folder.resolve("a.sluice");
    Importer.importCheckpoint(
        fixture.resolve("model.gguf"), target, Checkpoints.BUNDLED, (done, total) -> {});
    try (Workers workers = new Workers(2);
        Store store = Store.open(target);
        Engine engine =
            new Engine(
                store, workers, Backend.AUTO, Activity.exact(store.spec().layers()),
                PredictorChoice.ALL);
        Session session =
            new Session(engine, CONTEXT, new Residency(0, 0, Window.auto(), 64), MERGED)) {
      List<Integer> best = new ArrayList<>();
      float[] logits =
          session.prompt(
              Checkpoints.ints(expected.get("input_ids")), (all, offset) -> best.add(argmax(all)));
      double[] reference = Checkpoints.doubles(expected.get("logits_last"));
      double largest = Arrays.stream(reference).map(Math::abs).max().orElseThrow();
      for (int v = 0; v < reference.length; v++) {
        assertEquals(reference[v], logits[v], LOGIT_TOLERANCE * largest, "logit " + v);
      }
      assertEquals(argmax(logits), best.getLast());
      int[] greedy = Checkpoints.ints(expected.get("greedy"));
      int[] tokens = new int[greedy.length];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = argmax(logits);
        logits = session.step(tokens[i]);
      }
      assertArrayEquals(greedy, tokens);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee-f16", "qwen2-q8_0"})
  void theTokenizerInTheMetadataEncodesAnyText(String name) {
    Path file = Checkpoints.ROOT.resolve("fixtures/gguf").resolve(name).resolve("model.gguf");
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      Tokenizer tokenizer =
          Tokenizer.parse(checkpoint.tokenizerJson().orElseThrow(), file.toString());
      // qwen2 splits single digits and llama-bpe three: both come back whole.
      for (String text : List.of("The door of the inn, 12345 times\n\n  opened", "",
          "\u4f60 e\u0301")) {
        assertEquals(text, tokenizer.decode(tokenizer.encode(text)));
      }
      assertEquals(name.startsWith("arcee") ? 1 : 0, tokenizer.beginning().length);
    }
  }

  /** What rounding single tokens' activations to bytes does to the distribution of the next token. */
  @ParameterizedTest
  @ValueSource(strings = {"arcee-q8_0", "llama-q4_0", "llama-q8_0", "qwen2-q8_0"})
  void roundingChangesDistributionsLittle(String name) {
    Path fixture = Checkpoints.ROOT.resolve("fixtures/gguf").resolve(name);
    int[] ids =
        Checkpoints.ints(
            JsonMapper.shared().readTree(fixture.resolve("expected.json").toFile())
                .get("input_ids"));
    Path target = folder.resolve("a.sluice");
    Importer.importCheckpoint(
        fixture.resolve("model.gguf"), target, Checkpoints.BUNDLED, (done, total) -> {});
    List<double[]> exact =
        distributions(target, ids, ActivationPrecision.FLOAT32, KvCache.Precision.FLOAT32);
    assertNear(name, "int8 activations", exact,
        distributions(target, ids, ActivationPrecision.INT8, KvCache.Precision.FLOAT32), 0.02);
    assertNear(name, "float16 keys and values", exact,
        distributions(target, ids, ActivationPrecision.FLOAT32, KvCache.Precision.FLOAT16), 1e-4);
  }

  private static void assertNear(
      String name, String what, List<double[]> exact, List<double[]> rounded, double most) {
    double sum = 0;
    double largest = 0;
    for (int t = 0; t < exact.size(); t++) {
      double divergence = 0;
      for (int v = 0; v < exact.get(t).length; v++) {
        divergence += exact.get(t)[v] * Math.log(exact.get(t)[v] / rounded.get(t)[v]);
      }
      sum += divergence;
      largest = Math.max(largest, divergence);
    }
    double mean = sum / exact.size();
    System.out.printf(
        "%s: KL(float32 || %s) over %d tokens: mean %.2e, largest %.2e nats%n", name, what,
        exact.size(), mean, largest);
    assertTrue(mean > 0 && mean < most, name + ", " + what + ": " + mean);
  }

  /** The next token's distribution after each of the ids, taken one by one. */
  private static List<double[]> distributions(Path target, int[] ids,
      ActivationPrecision precision, KvCache.Precision keyValues) {
    try (Workers workers = new Workers(2);
        Store store = Store.open(target);
        Engine engine =
            new Engine(
                store, workers, Backend.AUTO, Activity.exact(store.spec().layers()),
                PredictorChoice.ALL, precision);
        Session session =
            new Session(engine, new KvCache(store.spec(), CONTEXT, keyValues),
                new Residency(0, 0, Window.auto(), 64), MERGED, engine.tokenPredictor())) {
      List<double[]> all = new ArrayList<>();
      for (int id : ids) {
        float[] logits = session.step(id);
        double largest = logits[argmax(logits)];
        double[] shares = new double[logits.length];
        for (int v = 0; v < shares.length; v++) {
          shares[v] = Math.exp(logits[v] - largest);
        }
        double total = Arrays.stream(shares).sum();
        all.add(Arrays.stream(shares).map(share -> share / total).toArray());
      }
      return all;
    }
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int v = 1; v < logits.length; v++) {
      best = logits[v] > logits[best] ? v : best;
    }
    return best;
  }
}
