package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.sequence.SequenceMethod;
import dev.sluice.engine.sequence.SequencePredictor;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Methods whose neurons a prompt chooses, in a session. */
class PromptChoosesTest {
  private static final ReadPlanner.Limits LIMITS = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);
  private static final int[] PROMPT = new Random(5).ints(100, 0, TinyStore.VOCABULARY).toArray();
  private static final int[] NEXT = {7, 3, 50, 12};

  @TempDir
  static Path folder;

  private static Path tiny;

  @BeforeAll
  static void write() {
    tiny =
        TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
  }

  private interface Check {
    void run(Session session, Engine engine);
  }

  private static void with(String predictor, Activity activity, int threads, Check check) {
    try (Store store = Store.open(tiny);
        Workers workers = new Workers(threads);
        Engine engine = new Engine(store, workers, Backend.AUTO, activity,
            PredictorChoice.parse(predictor));
        Session session =
            new Session(engine, 128, new Residency(300, 0, Window.auto(), 64), LIMITS)) {
      check.run(session, engine);
    }
  }

  private static float[] lastLogits(String predictor, int threads) {
    float[][] last = new float[1][];
    with(predictor, Activity.exact(TinyStore.LAYERS), threads, (session, _) -> {
      session.prompt(PROMPT, null);
      for (int token : NEXT) {
        last[0] = session.step(token).clone();
      }
    });
    return last[0];
  }

  @Test
  void allOfThemAreTheDenseRun() {
    assertArrayEquals(lastLogits("all", 1), lastLogits("griffin-100", 1));
  }

  @Test
  void fewerAreNot() {
    assertTrue(!java.util.Arrays.equals(lastLogits("all", 1), lastLogits("griffin-20", 1)));
  }

  @Test
  void theChoiceDoesNotDependOnThreads() {
    assertArrayEquals(lastLogits("griffin-20", 1), lastLogits("griffin-20", 3));
  }

  @Test
  void withoutAPromptAllAreNamedAndAfterItTheShare() {
    with("griffin-30", Activity.exact(TinyStore.LAYERS), 1, (session, _) -> {
      session.step(1);
      assertEquals(TinyStore.LAYERS * TinyStore.NEURONS,
          session.ledger().total(Quantity.PREDICTED));
      session.prompt(PROMPT, null);
      session.step(2);
      assertEquals(TinyStore.LAYERS * TinyStore.NEURONS * 13 / 10,
          session.ledger().total(Quantity.PREDICTED));
    });
  }

  @Test
  void aTextBegunAnewKnowsNothingOfThePromptBefore() {
    with("griffin-30", Activity.exact(TinyStore.LAYERS), 1, (session, _) -> {
      session.prompt(PROMPT, null);
      session.restart();
      float[] logits = session.step(1).clone();
      assertEquals(TinyStore.LAYERS * TinyStore.NEURONS,
          session.ledger().total(Quantity.PREDICTED));
      with("all", Activity.exact(TinyStore.LAYERS), 1,
          (fresh, _) -> assertArrayEquals(fresh.step(1), logits));
    });
  }

  /** 100 tokens are two blocks of 64 or less: two sums of a layer and their total, lengths of 100 tokens, masks of all layers. */
  @Test
  void whatIsGatheredIsCharged() {
    try (Store store = Store.open(tiny)) {
      RunShape shape = new RunShape(128, 100, 2);
      MemoryNeeds all = MemoryNeeds.of(store, PredictorChoice.ALL, shape);
      MemoryNeeds griffin = MemoryNeeds.of(store, PredictorChoice.parse("griffin-30"), shape);
      assertEquals(3L * TinyStore.NEURONS * 8 + 100 * 8, griffin.promptBytes() - all.promptBytes());
      assertEquals(TinyStore.LAYERS * TinyStore.NEURONS, griffin.predictorBytes());
    }
  }

  /** Against sums made here from what the neurons of the prompt put out. */
  @Test
  void tdaKeepsWhatReachesTheThresholdOverThePrompt() {
    try (Store store = Store.open(tiny)) {
      Activity output = SparsityChoice.resolve(store, ActiveRule.OUTPUT, OptionalDouble.of(0.2));
      with("tda", output, 2, (_, engine) -> {
        SequencePredictor predictor = (SequencePredictor) engine.tokenPredictor();
        double[][] squares = new double[TinyStore.LAYERS][TinyStore.NEURONS];
        try (LayerStream layers = engine.openLayers()) {
          engine.sweep(layers, 16).run(List.of(engine.sweep(layers, 16).window(PROMPT)),
              engine.activity(), new AllNeurons(TinyStore.NEURONS), predictor);
        }
        try (LayerStream layers = engine.openLayers()) {
          engine.sweep(layers, 128).run(List.of(engine.sweep(layers, 128).window(PROMPT)),
              engine.activity(), new AllNeurons(TinyStore.NEURONS), new LayerObserver() {
                @Override
                public boolean wantsColumnNorms() {
                  return false;
                }

                @Override
                public void layerStarts(LayerWeights weights, float[] columnNorms) {}

                @Override
                public void observe(Block block) {
                  int layer = block.weights().layer();
                  for (int i = 0; i < TinyStore.NEURONS; i++) {
                    for (int t = 0; t < block.count(); t++) {
                      double magnitude = Math.abs(block.outputs()[i * block.count() + t])
                          * engine.columnNorms()[layer][i];
                      squares[layer][i] += magnitude * magnitude;
                    }
                  }
                }

                @Override
                public void layerEnds(int layer) {}
              });
        }
        int kept = 0;
        for (int layer = 0; layer < TinyStore.LAYERS; layer++) {
          for (int i = 0; i < TinyStore.NEURONS; i++) {
            boolean reaches =
                Math.sqrt(squares[layer][i] / PROMPT.length) >= output.thresholds()[layer];
            assertEquals(reaches, predictor.names(layer, i));
            kept += reaches ? 1 : 0;
          }
        }
        assertTrue(kept > 0 && kept < TinyStore.LAYERS * TinyStore.NEURONS, "kept " + kept);
        assertEquals(0, engine.activity().cett());
      });
    }
  }

  @Test
  void tdaNeedsThresholds() {
    BadInputException error = assertThrows(BadInputException.class,
        () -> with("tda", Activity.exact(TinyStore.LAYERS), 1, (_, _) -> {}));
    assertTrue(error.getMessage().contains("no threshold"), error.getMessage());
  }

  @Test
  void namesAreReadAsTheyAreWritten() {
    for (String name : List.of("tda", "tda-union", "tda-mean", "griffin-1", "griffin-100")) {
      PredictorChoice choice = PredictorChoice.parse(name);
      assertEquals(name, choice.toString());
      assertEquals(name, choice.sequenceMethod().map(SequenceMethod::key).orElseThrow());
    }
    for (String name : List.of("griffin-0", "griffin-101", "griffin-", "griffin-050", "tda-2")) {
      assertThrows(BadInputException.class, () -> PredictorChoice.parse(name), name);
    }
  }
}
