package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.KvCache;
import dev.sluice.engine.session.TokenForecast.Speeds;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.BundleCache;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.plan.ExpectedReads;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryPlanTest {
  private static final RunShape SHAPE = new RunShape(100, 40, 2);
  private static final long HUGE_PAGE_BYTES = 2 << 20;

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

  @Test
  void whatKernelsHoldForEachThreadIsAmongTheLimits() {
    long one = JvmShare.of(0, 0, 1).directBytes();
    long many = JvmShare.of(0, 0, 64).directBytes();
    assertTrue(many - one >= 62 * Kernels.tileBytesPerThread(), one + " and " + many);
  }

  private static long chargedBytes(MemoryPlan plan) {
    return plan.needs().standingBytes() + plan.spillBytes() + HUGE_PAGE_BYTES
        + plan.slots() * plan.slotBytes();
  }

  private static MemoryPlan process(Engine engine, long ramBytes) {
    return MemoryPlan.ofProcess(engine.store(), engine.predictor(), SHAPE, ramBytes);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 10_240})
  void aProcessStaysWithinItsBudgetAndUsesIt(int stride) {
    withEngine(
        stride,
        PredictorChoice.quantised(4),
        engine -> {
          MemoryPlan least = process(engine, floorBytes(engine));
          int before = 0;
          for (long extra = 0; extra < 12_000_000; extra += 70_001) {
            long budget = least.budgetBytes() + extra;
            MemoryPlan plan = process(engine, budget);
            assertTrue(chargedBytes(plan) <= budget);
            assertTrue(plan.needs().standingBytes() + plan.needs().layerBufferBytes() <= budget);
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
        assertThrows(BadInputException.class, () -> process(engine, 1 << 20));
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
          assertTrue(process(engine, enough).slots() >= 0);
          assertThrows(
              BadInputException.class,
              () -> process(engine, enough - (1 << 20)));
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
          MemoryPlan plan = MemoryPlan.ofFfn(engine, all / 2, SHAPE);
          assertEquals(bundle * times, plan.slotBytes());
          assertEquals(predictor * times, plan.needs().predictorBytes());
          assertEquals((all / 2 - predictor * times) / (bundle * times), plan.slots());
          assertEquals(all, MemoryPlan.ffnBytes(engine.store()));
          assertThrows(
              BadInputException.class,
              () -> MemoryPlan.ofFfn(engine, predictor * times - 1, SHAPE));
          assertEquals(0, MemoryPlan.ofFfn(engine, predictor * times, SHAPE).slots());
        });
  }

  @Test
  void anOracleIsABoundAndChargedNothing() {
    withEngine(
        0,
        PredictorChoice.ORACLE,
        engine -> assertEquals(0,
            MemoryPlan.ofFfn(engine, 100_000, SHAPE).needs().predictorBytes()));
  }

  /** What is counted before anything is loaded is what the loaded engine then has. */
  @Test
  void needsAreThoseOfTheLoadedEngine() {
    withEngine(
        0,
        PredictorChoice.quantised(4),
        engine -> {
          MemoryNeeds needs = MemoryNeeds.of(engine.store(), engine.predictor(), SHAPE);
          assertTrue(needs.denseBytes() + needs.scaleBytes() >= engine.model().denseBytes());
          assertTrue(needs.predictorBytes() >= engine.predictorBytes());
          assertTrue(needs.predictorBytes() < 1.01 * engine.predictorBytes() + 4096);
          assertEquals(KvCache.bytes(engine.store().spec(), SHAPE.context(), SHAPE.keyValues()),
              needs.keyValueBytes());
        });
  }

  /** Keys and values in halves take half, and what that spares goes to slots. */
  @Test
  void halvesLeaveRoomForSlots() {
    withEngine(
        0,
        PredictorChoice.quantised(4),
        engine -> {
          ModelSpec model = engine.store().spec();
          RunShape halves =
              new RunShape(100, 40, 2, CachePolicy.usual(), KvCache.Precision.FLOAT16, 0);
          MemoryNeeds whole = MemoryNeeds.of(engine.store(), engine.predictor(), SHAPE);
          MemoryNeeds half = MemoryNeeds.of(engine.store(), engine.predictor(), halves);
          long elements = 2L * model.layers() * model.kvHeads() * model.headSize() * 100;
          assertEquals(4 * elements, whole.keyValueBytes());
          assertEquals(2 * elements, half.keyValueBytes());
          assertTrue(half.standingBytes() <= whole.standingBytes());
        });
  }

  /** After a short prompt the order of the hot bundles is the larger; after a long one it has room enough. */
  @Test
  void promptsMakeRoomForTheOrderOfHotBundles() {
    withEngine(
        0,
        PredictorChoice.quantised(4),
        engine -> {
          ModelSpec model = engine.store().spec();
          long order = 16L * model.layers() * model.feedForward();
          long least = Long.MAX_VALUE;
          for (int tokens : new int[] {0, 1, 100}) {
            long bytes = MemoryNeeds
                .of(engine.store(), engine.predictor(), new RunShape(100, tokens, 2)).promptBytes();
            assertTrue(bytes >= order, tokens + ": " + bytes);
            least = Math.min(least, bytes);
          }
          assertTrue(least < MemoryNeeds
              .of(engine.store(), engine.predictor(), new RunShape(4000, 4000, 2)).promptBytes());
        });
  }

  /** More of anything never needs less. */
  @Test
  void needsGrowWithTheRun() {
    withEngine(
        0,
        PredictorChoice.ALL,
        engine -> {
          long before = 0;
          for (int size = 1; size <= 4096; size *= 4) {
            MemoryNeeds needs = MemoryNeeds.of(engine.store(), engine.predictor(),
                new RunShape(size, size, 2, CachePolicy.usual(), KvCache.Precision.FLOAT16, size));
            assertTrue(needs.standingBytes() >= before);
            JvmShare jvm = needs.jvm();
            long live = needs.keyValueBytes() + needs.promptBytes() + needs.indexBytes();
            assertEquals(jvm.heapBytes(), live + jvm.spareHeapBytes());
            assertTrue(jvm.flags().contains("-Xmx" + (jvm.heapBytes() >> 20) + "m"));
            assertEquals(0, jvm.heapBytes() % (1 << 20), "-Xmx says exactly what is charged");
            before = needs.standingBytes();
          }
        });
  }

  /** Heap that one policy takes more than another is left to fewer slots. */
  @Test
  void aCacheIsChargedForWhatItKnows() {
    withEngine(
        0,
        PredictorChoice.ALL,
        engine -> {
          Store store = engine.store();
          BundleCache.Shape bundles =
              new BundleCache.Shape(store.spec().layers(), store.spec().feedForward());
          for (String name : CachePolicy.NAMES) {
            CachePolicy policy = CachePolicy.named(name);
            MemoryNeeds needs = MemoryNeeds.of(store, engine.predictor(),
                new RunShape(100, 40, 2, policy));
            MemoryNeeds usual = MemoryNeeds.of(store, engine.predictor(), SHAPE);
            assertEquals(
                policy.heapBytes(bundles, bundles.bundles())
                    - CachePolicy.usual().heapBytes(bundles, bundles.bundles()),
                needs.indexBytes() - usual.indexBytes(), name);
          }
        });
  }

  /** Nothing fires in the slots that hold the most frequent; what all others do is what is missed. */
  @Test
  void aForecastMissesWhatHasNoSlot() {
    withEngine(
        0,
        PredictorChoice.quantised(4),
        engine -> {
          Store store = engine.store();
          float[] rates = Engine.perNeuron(store, StoreKeys.FREQUENCY).orElseThrow();
          Arrays.sort(rates);
          ReadPlanner.Limits limits = new ReadPlanner.Limits(4096, 16384, 1 << 19);
          for (int slots : new int[] {0, 1, 77, rates.length - 1, rates.length}) {
            double expected = 0;
            for (int i = 0; i < rates.length - slots; i++) {
              expected += rates[i];
            }
            ReadForecast forecast =
                ReadForecast.of(store, engine.predictor(), slots, limits);
            assertEquals(expected, forecast.reads().misses(), 1e-3);
            assertEquals(ReadForecast.Source.TRACE, forecast.source());
            ReadForecast all = ReadForecast.of(store, PredictorChoice.ALL, slots, limits);
            assertEquals(rates.length - slots, all.reads().misses(), 1e-6);
          }
        });
  }

  /** The same reads cost less where they pass behind attention, and nothing costs less than its work. */
  @Test
  void aTokenTakesItsWorkAndWhatOfItsReadsDoesNotPassMeanwhile() {
    Speeds speeds = Speeds.USUAL;
    ReadForecast reads =
        new ReadForecast(new ExpectedReads(500, 400, 4e6), 900, 1000, ReadForecast.Source.TRACE);
    TokenForecast late = forecast(PredictorChoice.parse("low-rank-8"), reads);
    TokenForecast early = forecast(PredictorChoice.parse("early-low-rank-8"), reads);
    double work = (10e6 + 1000 * 5000) / 8e9 * 1e3;
    double io = 400 * 0.020 + 4e6 / 1.5e9 * 1e3;
    assertEquals(work, late.workMillis(speeds), 1e-9);
    assertEquals(io, late.ioMillis(speeds), 1e-9);
    assertEquals(work + io - 500 * 5000 / 8e9 * 1e3, late.millis(speeds), 1e-9);
    assertEquals(late.millis(speeds) - 6e6 / 8e9 * 1e3, early.millis(speeds), 1e-9);
    TokenForecast ahead = forecast(PredictorChoice.parse("ahead-low-rank-8"), reads);
    assertEquals(early.millis(speeds), ahead.millis(speeds));
    ReadForecast few =
        new ReadForecast(new ExpectedReads(1, 1, 4096), 900, 1000, ReadForecast.Source.TRACE);
    assertEquals(work, forecast(PredictorChoice.ALL, few).millis(speeds), 1e-9);
  }

  private static TokenForecast forecast(PredictorChoice choice, ReadForecast reads) {
    return new TokenForecast(choice, null, Optional.empty(), Optional.of(reads), 10_000_000,
        6_000_000, 5000);
  }
}
