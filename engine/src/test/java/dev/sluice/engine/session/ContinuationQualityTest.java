package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.eval.ContinuationQuality;
import dev.sluice.engine.eval.ContinuationQuality.Choice;
import dev.sluice.engine.eval.WindowedQuality.Window;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.sequence.SequenceMethod;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window.Auto;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Continuations in blocks against sessions that take the same tokens one by one. */
class ContinuationQualityTest {
  private static final int[] TEXT = new Random(9).ints(100, 0, TinyStore.VOCABULARY).toArray();
  private static final int PROMPT = 40;

  @TempDir
  static Path folder;

  /** Mean negative log likelihood of the tokens after the continuation's first. */
  private static double nats(Engine engine) {
    try (Session session = new Session(engine, 128, new Residency(400, 0, new Auto(), 64),
        new ReadPlanner.Limits(4096, 16_384, 512 * 1024))) {
      session.prompt(Arrays.copyOf(TEXT, PROMPT), null);
      double nats = 0;
      for (int t = PROMPT; t + 1 < TEXT.length; t++) {
        float[] logits = session.step(TEXT[t]);
        double sum = 0;
        for (int v = 0; v < TinyStore.VOCABULARY; v++) {
          sum += Math.exp(logits[v]);
        }
        nats += Math.log(sum) - logits[TEXT[t + 1]];
      }
      return nats / (TEXT.length - PROMPT - 1);
    }
  }

  @Test
  void agreesWithSingleSteps() {
    Path tiny =
        TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
    Activity exact = Activity.exact(TinyStore.LAYERS);
    try (Store store = Store.open(tiny); Workers workers = new Workers(2)) {
      ContinuationQuality.Result result;
      try (Engine dense = new Engine(store, workers, Backend.AUTO, exact, PredictorChoice.ALL);
          LayerStream layers = dense.openLayers()) {
        result = dense.continuationQuality(layers).measure(TEXT, PROMPT, List.of(
            new Choice.EachToken(exact),
            new Choice.ByPrompt(
                dense.sequencePredictor(new SequenceMethod.Griffin(30), exact))));
        assertEquals(nats(dense), result.dense().nats(), 1e-5);
        assertThrows(IllegalArgumentException.class,
            () -> dense.continuationQuality(layers).measure(TEXT, TEXT.length - 1, List.of()));
      }
      try (Engine griffin =
          new Engine(store, workers, Backend.AUTO, exact, PredictorChoice.griffin(30))) {
        assertEquals(nats(griffin), result.windows().getLast().nats(), 1e-5);
      }
      Window each = result.windows().getFirst();
      assertEquals(result.dense().nats(), each.nats());
      assertEquals(0, each.divergenceNats(), 1e-9);
      assertTrue(each.activeShare() > 0 && each.activeShare() < 1, "ReLU² has zeros");
      assertEquals(1, result.dense().activeShare());
      assertEquals(0.3, result.windows().getLast().activeShare(), 1e-12);
      assertTrue(result.windows().getLast().divergenceNats() > 0);
    }
  }

  /** A text whose continuation is the dense model's own choice, one token of it changed: all before it agree, and most after it. */
  @Test
  void agreementWithTheDenseRunsOwnWords() {
    Path tiny = TinyStore.of(FfnForm.UNGATED).write(folder.resolve("own"),
        StoreWriter.Options.DEFAULT);
    Activity exact = Activity.exact(TinyStore.LAYERS);
    int[] text = Arrays.copyOf(TEXT, PROMPT + 11);
    try (Store store = Store.open(tiny);
        Workers workers = new Workers(2);
        Engine dense = new Engine(store, workers, Backend.AUTO, exact, PredictorChoice.ALL);
        LayerStream layers = dense.openLayers()) {
      int agreeing = 0;
      try (Session session = new Session(dense, 128, new Residency(400, 0, new Auto(), 64),
          new ReadPlanner.Limits(4096, 16_384, 512 * 1024))) {
        float[] logits = session.prompt(Arrays.copyOf(TEXT, PROMPT), null);
        for (int t = PROMPT; t < text.length; t++) {
          int best = argmax(logits);
          text[t] = t == PROMPT + 6 ? (best + 1) % TinyStore.VOCABULARY : best;
          agreeing += t > PROMPT && text[t] == best ? 1 : 0;
          logits = session.step(text[t]);
        }
      }
      ContinuationQuality.Result result = dense.continuationQuality(layers).measure(text, PROMPT,
          List.of(new Choice.EachToken(exact)));
      assertEquals(9, agreeing);
      assertEquals(0.9, result.windows().getFirst().accuracy(), 1e-12);
      assertEquals(0.5, result.leadingShares().getFirst(), 1e-12); // tokens 2 to 6 of 2 to 11
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
