package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryPlanTest {
  private static final int CONTEXT = 100;

  @TempDir
  Path folder;

  private interface Check {
    void on(Engine engine);
  }

  private void withEngine(int strideBytes, PredictorChoice predictor, Check check) {
    StoreWriter.Options options =
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, strideBytes, Existing.REFUSE);
    Path path = TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"), options);
    try (Workers workers = new Workers(1);
        Store store = Store.open(path);
        Engine engine =
            new Engine(store, workers, Backend.AUTO, Activity.exact(TinyStore.LAYERS), predictor)) {
      check.on(engine);
    }
  }

  private static long chargedBytes(MemoryPlan plan) {
    return plan.denseBytes()
        + plan.keyValueBytes()
        + plan.streamBytes()
        + plan.runtimeBytes()
        + plan.predictorBytes()
        + plan.slots() * plan.slotBytes();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 10_240})
  void aProcessStaysWithinItsBudgetAndUsesIt(int stride) {
    withEngine(
        stride,
        PredictorChoice.quantised(4),
        engine -> {
          MemoryPlan least = MemoryPlan.ofProcess(engine, floorBytes(engine), CONTEXT);
          int before = 0;
          for (long extra = 0; extra < 12_000_000; extra += 70_001) {
            long budget = chargedBytes(least) + extra;
            MemoryPlan plan = MemoryPlan.ofProcess(engine, budget, CONTEXT);
            assertTrue(chargedBytes(plan) <= budget);
            assertTrue(
                plan.slots() == plan.allBundles()
                    || budget - chargedBytes(plan) < plan.slotBytes(),
                "room for another slot is left unused");
            assertTrue(plan.slots() >= before);
            before = plan.slots();
          }
          assertEquals(TinyStore.LAYERS * TinyStore.NEURONS, before, "no more slots than bundles");
        });
  }

  /** The number of bytes that a refusal asks for. */
  private static long floorBytes(Engine engine) {
    BadInputException refusal =
        assertThrows(BadInputException.class, () -> MemoryPlan.ofProcess(engine, 1 << 20, CONTEXT));
    Matcher matcher = Pattern.compile("--ram (\\d+)M").matcher(refusal.getMessage());
    assertTrue(matcher.find(), refusal.getMessage());
    return Long.parseLong(matcher.group(1)) << 20;
  }

  @Test
  void whatARefusalAsksForIsEnoughAndAMegabyteLessIsNot() {
    withEngine(
        0,
        PredictorChoice.ALL,
        engine -> {
          long enough = floorBytes(engine);
          assertTrue(MemoryPlan.ofProcess(engine, enough, CONTEXT).slots() >= 0);
          assertThrows(
              BadInputException.class,
              () -> MemoryPlan.ofProcess(engine, enough - (1 << 20), CONTEXT));
        });
  }

  @ParameterizedTest
  @CsvSource({"0,1", "2560,10"})
  void slotsAndPredictorAreChargedAtTheWidthOnDisk(int stride, int times) {
    withEngine(
        stride == 0 ? 0 : stride,
        PredictorChoice.quantised(4),
        engine -> {
          long bundle = TinyStore.HIDDEN * 2 * 2;
          long predictor = (TinyStore.HIDDEN / 2 + 2 + 4L) * TinyStore.NEURONS * TinyStore.LAYERS;
          long all = bundle * times * TinyStore.NEURONS * TinyStore.LAYERS;
          MemoryPlan plan = MemoryPlan.ofFfn(engine, all / 2, CONTEXT);
          assertEquals(bundle * times, plan.slotBytes());
          assertEquals(predictor * times, plan.predictorBytes());
          assertEquals((all / 2 - predictor * times) / (bundle * times), plan.slots());
          assertEquals(all, MemoryPlan.ffnBytes(engine.store()));
          assertThrows(
              BadInputException.class,
              () -> MemoryPlan.ofFfn(engine, predictor * times - 1, CONTEXT));
          assertEquals(0, MemoryPlan.ofFfn(engine, predictor * times, CONTEXT).slots());
        });
  }

  @Test
  void anOracleIsABoundAndChargedNothing() {
    withEngine(
        0,
        PredictorChoice.ORACLE,
        engine -> assertEquals(0, MemoryPlan.ofFfn(engine, 100_000, CONTEXT).predictorBytes()));
  }
}
