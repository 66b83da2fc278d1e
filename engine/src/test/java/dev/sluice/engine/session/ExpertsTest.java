package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.ExpertLayer;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Experts in a session, of a store whose router knows nothing. */
class ExpertsTest {
  private static final int EXPERTS = 20;
  private static final int TOKENS = 6;

  @TempDir
  static Path folder;

  private static byte[] layer(int neurons) {
    try (Arena arena = Arena.ofConfined()) {
      Random random = new Random(neurons);
      float[] inward = new float[8 * TinyStore.HIDDEN];
      float[] outward = new float[EXPERTS * 8];
      float[] sharpness = new float[TinyStore.HIDDEN];
      for (float[] part : List.of(inward, outward, sharpness)) {
        for (int i = 0; i < part.length; i++) {
          part[i] = (float) random.nextGaussian();
        }
      }
      int[] expertOf = new int[neurons];
      for (int i = 0; i < neurons; i++) {
        expertOf[i] = i % EXPERTS;
      }
      return new ExpertLayer(new LowRankLayer(Middle.RELU, new float[TinyStore.HIDDEN], sharpness,
          Int8Rows.pack(inward, 8, TinyStore.HIDDEN, arena), new float[8],
          Int8Rows.pack(outward, EXPERTS, 8, arena), new float[EXPERTS],
          List.of(new ActivityCuts(ActiveRule.EXACT, 0, new float[EXPERTS], new float[0],
              new float[0], 3)),
          0.97), expertOf).encode();
    }
  }

  private static Path store(String name, int neurons) {
    TinyStore tiny = TinyStore.of(FfnForm.UNGATED);
    for (int layer = 0; layer < TinyStore.LAYERS; layer++) {
      tiny.and(StoreKeys.predictorLayer("moefication", layer), layer(neurons));
    }
    return tiny.write(folder.resolve(name), StoreWriter.Options.DEFAULT);
  }

  private static long named(Store store, PredictorChoice choice) {
    try (Workers workers = new Workers(1);
        Engine engine = new Engine(store, workers, Backend.AUTO,
            Activity.exact(TinyStore.LAYERS), choice);
        Session session = new Session(engine, 64,
            new Residency(100, 0, Residency.Pinning.FIRST, Preset.MOEFICATION.policy(),
                Integer.MAX_VALUE),
            new ReadPlanner.Limits(4096, 16 << 10, 512 << 10))) {
      for (int token = 0; token < TOKENS; token++) {
        session.step(token);
      }
      return session.ledger().total(Quantity.PREDICTED) / TOKENS / TinyStore.LAYERS;
    }
  }

  @Test
  void aPresetTakesThemAndEachTokenAsMany() {
    try (Store store = Store.open(store("experts", TinyStore.NEURONS))) {
      PredictorChoice preset = Preset.MOEFICATION.predictor(store).orElseThrow();
      assertEquals("moefication", preset.toString());
      assertEquals(3 * TinyStore.NEURONS / EXPERTS, named(store, preset));
      assertEquals(TinyStore.NEURONS / 4,
          named(store, PredictorChoice.parse("moefication-25")));
      assertEquals(TinyStore.NEURONS, named(store, PredictorChoice.parse("moefication-100")));
    }
  }

  @Test
  void expertsOfAnotherModelAreRefused() {
    try (Store store = Store.open(store("others", TinyStore.NEURONS - 1))) {
      BadInputException refused = assertThrows(BadInputException.class,
          () -> named(store, PredictorChoice.parse("moefication")));
      assertEquals(true, refused.getMessage().contains("moefication"));
    }
  }

  @Test
  void namesAreReadAsTheyAreWritten() {
    for (String name : List.of("moefication", "moefication-20", "dip-ca-10", "griffin-50")) {
      assertEquals(name, PredictorChoice.parse(name).toString());
    }
    for (String name : List.of("moefication-0", "moefication-101", "dip-ca", "dip-ca-0",
        "early-moefication", "moefication-20-top")) {
      assertThrows(BadInputException.class, () -> PredictorChoice.parse(name));
    }
    assertArrayEquals(new Object[] {10, 4},
        new Object[] {PredictorChoice.cacheAware(10).rank(),
          PredictorChoice.cacheAware(10).bits()});
  }
}
