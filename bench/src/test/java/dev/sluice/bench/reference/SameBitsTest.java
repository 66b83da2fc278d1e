package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.pack.Repacker;
import dev.sluice.bundler.pack.Repacker.Rearrangement;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.bundler.predictor.QuantisedFit;
import dev.sluice.bundler.quant.Requantisation;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.model.ActivationPrecision;
import dev.sluice.engine.model.Scratch;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** At a given active set the same logits come out, to the bit, whatever the way of storing, reading and keeping bundles. */
class SameBitsTest {
  private static final int COMBINATIONS = 40;
  private static final int TOKENS = 24;
  // Reading every neuron, each by itself, is slow; a few tokens show as much.
  private static final int TOKENS_OF_ALL = 6;
  private static final double CETT = 0.1;
  private static final long SEED = 20_26;

  private static final List<PredictorChoice> PREDICTORS =
      List.of(PredictorChoice.ORACLE, PredictorChoice.quantised(4), PredictorChoice.ALL,
          PredictorChoice.parse(Twin.EARLY), PredictorChoice.parse(Twin.AHEAD));
  private static final List<Backend> BACKENDS =
      List.of(Backend.IO_URING, Backend.PREAD, Backend.MMAP);
  private static final List<String> ORDERS = List.of("identity", "ripple", "random");
  private static final List<Window> WINDOWS =
      List.of(Window.fixed(0), Window.fixed(2), Window.auto());
  private static final int[] LEVELS = {5, 2, 2, 3, 3, 3, 3, 3, 2, 2, 2, 2, 5};

  @TempDir
  static Path folder;

  private static List<Workers> workers; // one thread, two threads

  @BeforeAll
  static void start() {
    workers = List.of(new Workers(1), new Workers(2));
  }

  @AfterAll
  static void stop() {
    workers.forEach(Workers::close);
  }

  /** One way of storing, reading and keeping; the fields are indices or values of the factors. */
  private record Way(
      PredictorChoice predictor, Container container, Arrangement arrangement, String order,
      Backend backend,
      Window window, int slotLevel, int pinnedLevel, ReadPlanner.Limits limits, int threads,
      int segmentBundles, int spillPlaces, String cache) {

    static Way of(int[] row) {
      ReadPlanner.Limits merged = new ReadPlanner.Limits(4096, 16_384, 128 * 1024);
      return new Way(
          PREDICTORS.get(row[0]),
          row[1] == 0 ? Container.FILE : Container.LMDB,
          row[2] == 0 ? Arrangement.BUNDLED : Arrangement.SPLIT,
          ORDERS.get(row[3]),
          BACKENDS.get(row[4]),
          WINDOWS.get(row[5]),
          row[6],
          row[7],
          row[8] == 0 ? merged : merged.unmerged(),
          row[9] + 1,
          row[10] == 0 ? 64 : 4,
          row[11] == 0 ? Integer.MAX_VALUE : Residency.LEAST_SPILL_PLACES,
          CachePolicy.NAMES.get(row[12]));
    }

    int tokens() {
      return predictor.equals(PredictorChoice.ALL) ? TOKENS_OF_ALL : TOKENS;
    }

    Residency residency(int bundles) {
      int slots = new int[] {0, 300, bundles}[slotLevel];
      Pinning pinning = pinnedLevel == 1 ? Pinning.MOST_FREQUENT : Pinning.FIRST;
      CachePolicy policy = cache.equals("window")
          ? new CachePolicy.Recent(window, segmentBundles) : CachePolicy.named(cache);
      return new Residency(slots, pinnedLevel == 0 ? 0 : slots / 2, pinning, policy, spillPlaces);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"relu2", "swiglu"})
  void whateverTheStorageTheReaderAndTheCache(String name) {
    int[] tokens = prompt(name);
    List<float[][]> expected = new ArrayList<>();
    int[] plain = new int[LEVELS.length];
    for (int predictor = 0; predictor < PREDICTORS.size(); predictor++) {
      plain[0] = predictor;
      expected.add(decode(name, Way.of(plain), tokens));
    }
    assertSame(
        Arrays.copyOf(expected.get(0), TOKENS_OF_ALL),
        expected.get(2),
        "what the oracle leaves out is what the rule leaves out");
    assertFalse(
        Arrays.deepEquals(expected.get(0), expected.get(1)),
        "a predictor that misses nothing at all would make this test weaker than it looks");
    assertFalse(Arrays.deepEquals(expected.get(0), expected.get(3)), "and so would one early");
    assertFalse(Arrays.deepEquals(expected.get(3), expected.get(4)), "and one ahead is not early");
    List<int[]> rows = Pairwise.rows(LEVELS, COMBINATIONS, SEED);
    assertTrue(rows.size() >= COMBINATIONS);
    for (int[] row : rows) {
      Way way = Way.of(row);
      assertSame(expected.get(row[0]), decode(name, way, tokens), way.toString());
    }
  }

  /** Prompts are swept layer by layer in blocks, tokens go one by one: the same bits. */
  @ParameterizedTest
  @CsvSource({"relu2,oracle", "relu2,quantised-4", "swiglu,all", "swiglu,quantised-4",
    "relu2," + Twin.EARLY, "swiglu," + Twin.EARLY, "relu2," + Twin.AHEAD, "swiglu," + Twin.AHEAD})
  void whetherSweptOrSteppedAndHoweverThePromptIsCut(String name, String predictor) {
    int[] tokens = prompt(name);
    PredictorChoice choice = PredictorChoice.parse(predictor);
    for (int threads = 1; threads <= 2; threads++) {
      try (Store store = Store.open(store(name, Container.FILE, Arrangement.BUNDLED, "ripple"));
          Engine engine = engine(store, Backend.AUTO, choice, threads)) {
        float[][] expected = steps(engine, tokens);
        for (int cut : new int[] {1, 7, tokens.length - 1, tokens.length}) {
          assertSame(expected, prompted(engine, tokens, cut), "cut at " + cut);
        }
        for (int block : new int[] {1, 3, 8, 64}) {
          assertSame(expected, swept(engine, tokens, block), "blocks of " + block);
        }
      }
    }
  }

  /** Columns in fewer bits, with and without minimums, in blocks of any size. */
  @ParameterizedTest
  @CsvSource({"relu2,down=q4_0", "relu2,up=q4_0;down=q4_0:100", "swiglu,down=q8_0:16",
    "swiglu,gate=q8_0;up=q4_1;down=q4_1"})
  void inFewerBitsToo(String name, String parts) {
    int[] tokens = Arrays.copyOf(prompt(name), 12);
    Path target = folder.resolve(name + "-" + parts.hashCode());
    Twin.of(name).bundle(target, "ripple", List.of(PredictorRecipe.parse("quantised-4")),
        QuantisedFit.DEFAULT_RECALL, Requantisation.parse(List.of(parts.split(";"))));
    try (Store store = Store.open(target)) {
      float[][] expected;
      try (Engine one = engine(store, Backend.AUTO, PredictorChoice.ALL, 1)) {
        expected = steps(one, tokens);
        assertSame(expected, prompted(one, tokens, 5), "cut at 5");
        assertSame(expected, swept(one, tokens, 8), "blocks of 8");
      }
      try (Engine oracle = engine(store, Backend.PREAD, PredictorChoice.ORACLE, 2)) {
        assertSame(expected, steps(oracle, tokens), "oracle on two threads");
      }
    }
  }

  /** Gate rows outside the bundles change nothing; where they decide, what is read is what the gate rule leaves. */
  @ParameterizedTest
  @CsvSource({"swiglu,FLOAT32", "swiglu,INT8", "reglu,FLOAT32"})
  void withTheGateResident(String name, ActivationPrecision precision) {
    int[] tokens = Arrays.copyOf(prompt(name), 12);
    Requantisation inBundles = Requantisation.parse(List.of("gate=q8_0", "up=q8_0"));
    Path whole = folder.resolve(name + "-whole-" + precision);
    Path apart = folder.resolve(name + "-apart-" + precision);
    Twin.of(name).bundle(whole, "ripple", List.of(), QuantisedFit.DEFAULT_RECALL, inBundles);
    Twin.of(name).bundle(apart, "frequency", List.of(), QuantisedFit.DEFAULT_RECALL,
        inBundles.withResidentGate());
    for (Arrangement arrangement : Arrangement.values()) {
      Path copy = folder.resolve(name + "-apart-" + precision + arrangement);
      try (Store from = Store.open(apart)) {
        Repacker.repack(from, copy,
            new StoreWriter.Options(Container.LMDB, arrangement, 0, Existing.REFUSE),
            Rearrangement.KEEP, (done, total) -> {});
      }
      try (Store bundled = Store.open(whole); Store split = Store.open(copy)) {
        assertTrue(split.spec().bundleBytes() < bundled.spec().bundleBytes());
        Activity gate = Twin.activity(bundled, ActiveRule.GATE, CETT);
        float[][] expected;
        try (Engine engine =
            new Engine(bundled, workers.get(0), Backend.AUTO, gate, PredictorChoice.ALL,
                precision)) {
          expected = steps(engine, tokens);
        }
        for (PredictorChoice choice : List.of(PredictorChoice.GATE, PredictorChoice.ALL,
            PredictorChoice.ORACLE)) {
          boolean sameSums =
              !choice.equals(PredictorChoice.ORACLE) || precision == ActivationPrecision.FLOAT32;
          try (Engine engine =
              new Engine(split, workers.get(1), Backend.AUTO, gate, choice, precision);
              Session session = session(engine)) {
            float[][] logits = new float[tokens.length][];
            for (int t = 0; t < tokens.length; t++) {
              logits[t] = session.step(tokens[t]).clone();
            }
            if (sameSums) {
              assertSame(expected, logits, choice + ", " + arrangement);
            }
            if (choice.equals(PredictorChoice.GATE)) {
              assertEquals(session.ledger().total(Quantity.ACTIVE),
                  session.ledger().total(Quantity.PREDICTED), "what the gate names is active");
            }
          }
        }
        if (precision == ActivationPrecision.FLOAT32) {
          try (Engine engine =
              new Engine(split, workers.get(1), Backend.AUTO, gate, PredictorChoice.GATE)) {
            assertSame(expected, swept(engine, tokens, 8), "swept");
          }
        }
      }
    }
  }

  /** h ≠ 0 leaves out nothing that counts: a dense run, the rule with an oracle, and the same streamed. */
  @ParameterizedTest
  @ValueSource(strings = {"relu2", "relu", "arcee-relu2", "arcee-relu"})
  void exactRuleIsTheDenseRun(String name) {
    try (Store store = Store.open(Checkpoints.imported(name))) {
      int[] tokens = prompt(name);
      Activity exact = Activity.exact(store.spec().layers());
      Engine dense =
          new Engine(store, workers.get(1), Backend.AUTO, exact, PredictorChoice.ALL);
      Engine oracle =
          new Engine(store, workers.get(1), Backend.AUTO, exact, PredictorChoice.ORACLE);
      try (dense; oracle) {
        float[][] expected = steps(dense, tokens);
        assertSame(expected, steps(oracle, tokens), "oracle");
        assertSame(expected, swept(dense, tokens, 64), "dense sweep");
      }
    }
  }

  private static int[] prompt(String name) {
    var expected = Checkpoints.expected(name);
    var prompt = expected.has("prompt") ? expected.get("prompt") : expected;
    return Arrays.copyOf(Checkpoints.ints(prompt.get("input_ids")), TOKENS);
  }

  private static float[][] decode(String name, Way way, int[] tokens) {
    try (Store store = Store.open(store(name, way.container, way.arrangement, way.order));
        Engine engine = engine(store, way.backend, way.predictor, way.threads)) {
      int bundles = store.spec().layers() * store.spec().feedForward();
      try (Session session = new Session(engine, TOKENS, way.residency(bundles), way.limits,
          engine.tokenPredictor())) {
        float[][] logits = new float[way.tokens()][];
        for (int t = 0; t < logits.length; t++) {
          logits[t] = session.step(tokens[t]).clone();
        }
        return logits;
      }
    }
  }

  private static float[][] steps(Engine engine, int[] tokens) {
    try (Session session = session(engine)) {
      float[][] logits = new float[tokens.length][];
      for (int t = 0; t < tokens.length; t++) {
        logits[t] = session.step(tokens[t]).clone();
      }
      return logits;
    }
  }

  private static float[][] prompted(Engine engine, int[] tokens, int cut) {
    try (Session session = session(engine)) {
      List<float[]> logits = new ArrayList<>();
      session.prompt(Arrays.copyOf(tokens, cut), (all, offset) -> logits.add(all.clone()));
      if (cut < tokens.length) {
        int[] rest = Arrays.copyOfRange(tokens, cut, tokens.length);
        session.prompt(rest, (all, offset) -> logits.add(all.clone()));
      }
      return logits.toArray(float[][]::new);
    }
  }

  private static Session session(Engine engine) {
    ReadPlanner.Limits limits = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);
    return new Session(engine, TOKENS, new Residency(500, 0, Window.auto(), 64), limits);
  }

  private static float[][] swept(Engine engine, int[] tokens, int blockPositions) {
    int hidden = engine.store().spec().hidden();
    int vocabulary = engine.store().spec().vocabulary();
    try (LayerStream layers = engine.openLayers()) {
      var sweep = engine.sweep(layers, blockPositions);
      Sequence sequence = sweep.window(tokens);
      sweep.run(List.of(sequence), engine.activity(), engine.blockPredictor(), LayerObserver.NONE);
      float[] all = new float[tokens.length * vocabulary];
      Scratch scratch = new Scratch();
      for (int from = 0; from < tokens.length; from += blockPositions) {
        int count = Math.min(blockPositions, tokens.length - from);
        float[] some = new float[count * vocabulary];
        engine.model().logitsBlock(sequence.hidden(), from * hidden, count, some, scratch);
        System.arraycopy(some, 0, all, from * vocabulary, some.length);
      }
      float[][] logits = new float[tokens.length][];
      for (int t = 0; t < logits.length; t++) {
        logits[t] = Arrays.copyOfRange(all, t * vocabulary, (t + 1) * vocabulary);
      }
      return logits;
    }
  }

  private static Engine engine(Store store, Backend backend, PredictorChoice predictor,
      int threads) {
    Activity activity = Twin.activity(store, ActiveRule.OUTPUT, CETT);
    return new Engine(store, workers.get(threads - 1), backend, activity, predictor);
  }

  /** A twin's store in this container, arrangement and order, written when first asked for. */
  private static Path store(String name, Container container, Arrangement arrangement,
      String order) {
    Twin twin = Twin.of(name);
    Path base = twin.bundled();
    if (order.equals("random")) {
      base = folder.resolve(name + "-random.sluice");
      if (!Files.exists(base)) {
        twin.bundle(base, order);
      }
    }
    Path target =
        folder.resolve(String.join("-", name, order, container.name(), arrangement.name()));
    if (!Files.exists(target)) {
      try (Store from = Store.open(base)) {
        Repacker.repack(
            from,
            target,
            new StoreWriter.Options(container, arrangement, 0, Existing.REFUSE),
            order.equals("identity") ? Rearrangement.IDENTITY : Rearrangement.KEEP,
            (done, total) -> {});
      }
    }
    return target;
  }

  private static void assertSame(float[][] expected, float[][] actual, String what) {
    for (int t = 0; t < expected.length; t++) {
      int[] want = bits(expected[t]);
      int[] got = bits(actual[t]);
      int token = t;
      assertArrayEquals(want, got, () -> what + ", token " + token);
    }
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }
}
