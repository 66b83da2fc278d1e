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
}
