package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.predictor.CertifiedResult;
import dev.sluice.bench.predictor.CertifiedTrial;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.bundler.predictor.QuantisedFit;
import dev.sluice.bundler.quant.Requantisation;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.ActivationPrecision;
import dev.sluice.engine.model.Scratch;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.predictor.ErrorBound;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.trace.TraceReader;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Certified skipping on the trained twins: not a bit of any logit changes, and much is skipped. */
class CertifiedSkippingTest {
  private static final int WINDOW = Twin.WINDOW_TOKENS;
  private static final int FEW_TOKENS = 512;
  private static final int MANY_TOKENS = 40 * WINDOW; // more than 10,000
  private static final int STEPS = 12;
  private static final double RUN_DELTA = 1e-9;

  private static Workers workers;

  @BeforeAll
  static void start() {
    workers = new Workers(2);
  }

  @AfterAll
  static void stop() {
    workers.close();
  }

  private static synchronized Path store(String name, Requantisation requantisation) {
    Path target = ScratchFolder.get().resolve(
        name + "-certified-" + (requantisation.changesTypes() ? "q" : "f16") + ".sluice");
    if (!Files.exists(target)) {
      Twin.of(name).bundle(target, "frequency",
          List.of(PredictorRecipe.parse("certified-4"), PredictorRecipe.parse("certified-6")),
          QuantisedFit.DEFAULT_RECALL, requantisation);
    }
    return target;
  }

  private static PredictorChoice choice(Store store, String text, int tokens) {
    PredictorChoice choice = PredictorChoice.parse(text.replace("-delta", ""));
    double decisions = (double) tokens * store.spec().layers() * store.spec().feedForward();
    return text.endsWith("-delta")
        ? choice.withDelta(ErrorBound.perDecision(RUN_DELTA, decisions)) : choice;
  }

  @ParameterizedTest
  @CsvSource({"relu2,certified-4", "relu2,certified-6-delta", "relu,certified-4-delta",
    "reglu,certified-4", "reglu,certified-4-delta"})
  void sweptLogitsAreTheDenseOnes(String name, String predictor) {
    compareSwept(name, predictor, FEW_TOKENS);
  }

  /** The whole of what the experiment asks for, with what was skipped. */
  @Tag("long")
  @ParameterizedTest
  @CsvSource({"relu2,certified-4", "relu2,certified-4-delta", "relu2,certified-6-delta",
    "relu,certified-4", "relu,certified-4-delta", "reglu,certified-4",
    "reglu,certified-4-delta"})
  void tenThousandTokensOfLogitsAreTheDenseOnes(String name, String predictor) {
    compareSwept(name, predictor, MANY_TOKENS);
  }

  private static void compareSwept(String name, String predictor, int count) {
    int[] tokens = Arrays.copyOf(Twin.of(name).tokens("held-out"), count);
    try (Store store = Store.open(store(name, Requantisation.NONE))) {
      PredictorChoice choice = choice(store, predictor, count);
      try (Engine dense = engine(store, PredictorChoice.ALL, ActivationPrecision.FLOAT32);
          Engine certified = engine(store, choice, ActivationPrecision.FLOAT32);
          LayerStream denseLayers = dense.openLayers();
          LayerStream layers = certified.openLayers()) {
        Sweep denseSweep = dense.sweep(denseLayers, WINDOW);
        Sweep sweep = certified.sweep(layers, WINDOW);
        Shares shares = new Shares(store.spec().feedForward());
        for (int from = 0; from < count; from += WINDOW) {
          int[] window = Arrays.copyOfRange(tokens, from, from + WINDOW);
          int at = from;
          assertArrayEquals(logits(dense, denseSweep, window, LayerObserver.NONE),
              logits(certified, sweep, window, shares), () -> choice + " at " + at);
        }
        double proven = (double) shares.skipped.sum() / shares.inactive.sum();
        System.out.printf("%s %s, %d tokens: %.2f %% of neurons skipped, %.2f %% of the inactive%n",
            name, choice, count, 100.0 * shares.skipped.sum() / shares.all.sum(), 100 * proven);
        assertEquals(0, shares.wrong.sum());
        double least = predictor.endsWith("-delta") ? 0.6 : 0.4;
        assertTrue(proven > least, "proven " + proven);
      }
    }
  }

  /** Counts what was left out. */
  private static final class Shares implements LayerObserver {
    private final int neurons;
    final LongAdder all = new LongAdder();
    final LongAdder inactive = new LongAdder();
    final LongAdder skipped = new LongAdder();
    final LongAdder wrong = new LongAdder();

    Shares(int neurons) {
      this.neurons = neurons;
    }

    @Override
    public boolean wantsColumnNorms() {
      return false;
    }

    @Override
    public void layerStarts(LayerWeights weights, float[] columnNorms) {}

    @Override
    public void observe(Block block) {
      int size = neurons * block.count();
      int zeros = 0;
      int left = 0;
      int missed = 0;
      for (int i = 0; i < size; i++) {
        boolean zero = block.inner()[i] == 0;
        boolean named = (block.verdicts()[i] & Sweep.PREDICTED) != 0;
        zeros += zero ? 1 : 0;
        left += named ? 0 : 1;
        missed += !named && !zero ? 1 : 0;
      }
      all.add(size);
      inactive.add(zeros);
      skipped.add(left);
      wrong.add(missed);
    }

    @Override
    public void layerEnds(int layer) {}
  }

  private static int[] logits(Engine engine, Sweep sweep, int[] tokens, LayerObserver observer) {
    Sequence sequence = sweep.window(tokens);
    sweep.run(List.of(sequence), engine.activity(), engine.blockPredictor(), observer);
    float[] logits = new float[tokens.length * engine.store().spec().vocabulary()];
    engine.model().logitsBlock(sequence.hidden(), 0, tokens.length, logits, new Scratch());
    int[] bits = new int[logits.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(logits[i]);
    }
    return bits;
  }

  /** Single tokens too, with reads, also where activations meet Q8_0 rows as bytes; less is read. */
  @ParameterizedTest
  @CsvSource({"relu2,up=q8_0,INT8", "relu2,up=q4_0,INT8", "reglu,gate=q8_0;up=q8_0,INT8",
    "relu,'',INT8"})
  void steppedLogitsAreTheDenseOnes(String name, String parts, ActivationPrecision precision) {
    Requantisation requantisation = parts.isEmpty() ? Requantisation.NONE
        : Requantisation.parse(List.of(parts.split(";")));
    Path target = ScratchFolder.get().resolve(name + "-steps-" + parts.hashCode() + precision);
    Twin.of(name).bundle(target, "frequency", List.of(PredictorRecipe.parse("certified-5")),
        QuantisedFit.DEFAULT_RECALL, requantisation);
    int[] tokens = Arrays.copyOf(Twin.of(name).tokens("held-out"), STEPS);
    try (Store store = Store.open(target)) {
      List<int[]> expected = new ArrayList<>();
      long all = steps(store, PredictorChoice.ALL, precision, tokens, expected);
      for (String each : List.of("certified-5", "certified-5-delta")) {
        List<int[]> got = new ArrayList<>();
        PredictorChoice choice = choice(store, each, STEPS);
        long named = steps(store, choice, precision, tokens, got);
        for (int t = 0; t < STEPS; t++) {
          int token = t;
          assertArrayEquals(expected.get(t), got.get(t), () -> choice + ", token " + token);
        }
        assertTrue(named < 0.75 * all, choice + " named " + named + " of " + all);
      }
    }
  }

  private static long steps(Store store, PredictorChoice choice, ActivationPrecision precision,
      int[] tokens, List<int[]> bits) {
    ReadPlanner.Limits limits = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);
    try (Engine engine = engine(store, choice, precision);
        Session session = new Session(engine, tokens.length,
            new Residency(500, 0, Window.auto(), 64), limits)) {
      for (int token : tokens) {
        float[] logits = session.step(token);
        int[] some = new int[logits.length];
        for (int i = 0; i < some.length; i++) {
          some[i] = Float.floatToRawIntBits(logits[i]);
        }
        bits.add(some);
      }
      return session.ledger().total(Quantity.PREDICTED);
    }
  }

  private static Engine engine(Store store, PredictorChoice choice,
      ActivationPrecision precision) {
    return new Engine(store, workers, Backend.AUTO, Activity.exact(store.spec().layers()), choice,
        precision);
  }

  @Test
  void rowsWithMinimumsAndBytesAreRefused() {
    Path target = ScratchFolder.get().resolve("relu2-minimums");
    Twin.of("relu2").bundle(target, "frequency", List.of(PredictorRecipe.parse("certified-5")),
        QuantisedFit.DEFAULT_RECALL, Requantisation.parse(List.of("up=q4_1")));
    try (Store store = Store.open(target);
        Engine engine =
            engine(store, PredictorChoice.parse("certified-5"), ActivationPrecision.INT8)) {
      assertThrows(BadInputException.class, engine::tokenPredictor);
    }
  }

  @Test
  void modelsWithoutZerosAreRefused() {
    try (Store store = Store.open(Checkpoints.imported("swiglu")); Arena arena = Arena.ofShared()) {
      PredictorRecipe recipe = PredictorRecipe.parse("certified-4");
      assertThrows(BadInputException.class,
          () -> recipe.start(store.spec(), 0.99, List.of(), 0, 1, arena));
    }
  }

  /** What the trial measured, or better. */
  @Test
  void provesAsMuchAsTheTrialOnReluSquared() {
    CertifiedTrial.Plan plan = new CertifiedTrial.Plan(List.of(4, 6), List.of(0, 16),
        List.of(1e-12), List.of(1e-2, 1e-3), 1, 8, 1);
    Twin twin = Twin.of("relu2");
    CertifiedResult result;
    try (Store store = Store.open(Checkpoints.imported("relu2"));
        TraceReader trace = TraceReader.open(twin.trace())) {
      result = new CertifiedTrial(store, trace, workers, plan)
          .measure(Arrays.copyOf(twin.tokens("held-out"), FEW_TOKENS), (what, done, total) -> {});
    }
    double[] least = {0.22, 0.60, 0.50, 0.75, 0.82, 0.92, 0.88, 0.93};
    for (int k = 0; k < least.length; k++) {
      CertifiedResult.Row row = result.rows().get(k);
      assertTrue(row.provenShare() >= least[k], row::toString);
      assertEquals(0, row.wrongShare(), row.toString());
    }
    for (CertifiedResult.Violations each : result.violations()) {
      assertTrue(each.exceededShare() < each.delta() && each.decisions() == 8L * 6 * 1024,
          each::toString);
    }
  }
}
