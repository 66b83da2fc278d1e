package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionTest {
  private static final ReadPlanner.Limits LIMITS = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);

  @TempDir
  static Path folder;

  private static Workers workers;
  private static Path tiny;

  private Store store;
  private Engine engine;

  @BeforeAll
  static void write() {
    workers = new Workers(1);
    tiny =
        TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
  }

  @AfterAll
  static void stop() {
    workers.close();
  }

  @BeforeEach
  void open() {
    store = Store.open(tiny);
    engine =
        new Engine(
            store, workers, Backend.AUTO, Activity.exact(TinyStore.LAYERS), PredictorChoice.ALL);
  }

  @AfterEach
  void close() {
    engine.close();
    store.close();
  }

  private Session session(int context) {
    return new Session(engine, context, new Residency(100, 0, Window.auto(), 64), LIMITS);
  }

  @Test
  void aContextThatIsFullRefusesMoreAndStaysAsItWas() {
    try (Session session = session(5)) {
      session.prompt(new int[] {1, 2, 3}, null);
      BadInputException tooLong =
          assertThrows(BadInputException.class, () -> session.prompt(new int[] {4, 5, 6}, null));
      assertTrue(tooLong.getMessage().contains("6 tokens"), tooLong.getMessage());
      assertTrue(tooLong.getMessage().contains("context of 5"), tooLong.getMessage());
      assertEquals(3, session.position());
      session.step(4);
      session.step(5);
      assertEquals(5, session.position());
      assertEquals(5, session.capacity());
      assertThrows(BadInputException.class, () -> session.step(6));
      assertEquals(2, session.ledger().tokens());
    }
  }

  @Test
  void idsOutsideTheVocabularyAreRefusedByNumber() {
    try (Session session = session(8)) {
      for (int bad : new int[] {-1, TinyStore.VOCABULARY, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        BadInputException error = assertThrows(BadInputException.class, () -> session.step(bad));
        assertTrue(error.getMessage().contains("token id " + bad), error.getMessage());
        assertThrows(BadInputException.class, () -> session.prompt(new int[] {0, bad, 1}, null));
      }
      assertEquals(0, session.position());
      float[] last = session.step(TinyStore.VOCABULARY - 1).clone();
      session.restart();
      assertArrayEquals(last, session.step(TinyStore.VOCABULARY - 1));
    }
  }

  @Test
  void anEmptyPromptIsRefused() {
    try (Session session = session(8)) {
      assertThrows(IllegalArgumentException.class, () -> session.prompt(new int[0], null));
    }
  }

  @Test
  void aRestartedSessionRemembersBundlesButNoText() {
    int[] text = {7, 3, 9, 4};
    try (Session session = session(8)) {
      float[] first = null;
      for (int token : text) {
        first = session.step(token);
      }
      float[] expected = first.clone();
      session.restart();
      assertEquals(0, session.position());
      for (int token : text) {
        first = session.step(token);
      }
      assertArrayEquals(expected, first);
    }
  }

  @Test
  void promptsShowEveryPositionInOrder() {
    try (Session session = session(8)) {
      int[] seen = {0};
      float[] logits =
          session.prompt(
              new int[] {1, 2, 3},
              (all, offset) -> {
                assertEquals(0, offset);
                assertEquals(TinyStore.VOCABULARY, all.length);
                seen[0]++;
              });
      assertEquals(3, seen[0]);
      assertEquals(TinyStore.VOCABULARY, logits.length);
      assertTrue(session.promptBytesRead() >= store.spec().ffnBytes());
      assertEquals(0, session.ledger().tokens(), "prompts are not in the ledger of tokens");
    }
  }

  @Test
  void anEngineServesSeveralSessionsAtOnce() {
    try (Session one = session(8); Session two = session(8)) {
      float[] first = one.step(5).clone();
      two.step(6);
      assertArrayEquals(first, replay(two, 5));
      assertEquals(1, one.position());
    }
  }

  private static float[] replay(Session session, int token) {
    session.restart();
    return session.step(token);
  }

  @Test
  void thresholdsComeFromTheStore() {
    Activity activity = SparsityChoice.resolve(store, ActiveRule.OUTPUT, OptionalDouble.empty());
    assertEquals(0.125, activity.cett(), "the searched target");
    assertArrayEquals(new float[] {1, 1, 1, 1}, activity.thresholds());
    assertEquals(OptionalDouble.empty(),
        SparsityChoice.findOnePercentTarget(store, ActiveRule.GATE));
    assertThrows(
        BadInputException.class,
        () -> SparsityChoice.resolve(store, ActiveRule.GATE, OptionalDouble.empty()));
    Activity exact = SparsityChoice.resolve(store, ActiveRule.EXACT, OptionalDouble.empty());
    assertArrayEquals(new float[TinyStore.LAYERS], exact.thresholds());
  }

  /** What a run needs of a store and does not find, or finds damaged, is the store's fault in one line. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        StoreKeys.COLUMN_NORMS, StoreKeys.FREQUENCY, StoreKeys.TARGETS, "curve/output",
        "predictor/quantised-4"
      })
  void whatAStoreLacksOrHoldsDamagedIsNamed(String key) {
    byte[][] values =
        {{}, {1, 2, 3}, {4, 0, 0, 0}, "{\"output\": []}".getBytes(StandardCharsets.UTF_8)};
    for (int k = 0; k < values.length; k++) {
      Path path = folder.resolve(key.replace('/', '-') + k);
      TinyStore.of(FfnForm.UNGATED).with(key, values[k]).write(path, StoreWriter.Options.DEFAULT);
      try (Store damaged = Store.open(path)) {
        BadInputException error = assertThrows(BadInputException.class, () -> runWithAll(damaged));
        assertTrue(error.getMessage().startsWith(path.toString()), error.getMessage());
        assertEquals(1, error.getMessage().lines().count());
      }
    }
  }

  private static void runWithAll(Store store) {
    Activity activity = SparsityChoice.resolve(store, ActiveRule.OUTPUT, OptionalDouble.empty());
    PredictorChoice predictor = PredictorChoice.quantised(4);
    try (Engine engine = new Engine(store, workers, Backend.AUTO, activity, predictor);
        Session session = new Session(engine, 4, new Residency(9, 4, Window.auto(), 64), LIMITS)) {
      session.step(1);
    }
  }

  @Test
  void aPredictorThatWasNotMadeIsRefused() {
    BadInputException error =
        assertThrows(
            BadInputException.class,
            () -> new Engine(
                store,
                workers,
                Backend.AUTO,
                Activity.exact(TinyStore.LAYERS),
                PredictorChoice.quantised(8)));
    assertTrue(error.getMessage().contains("quantised-8"), error.getMessage());
  }

  @Test
  void predictorsAreCalledByName() {
    assertEquals(PredictorChoice.ALL, PredictorChoice.parse("all"));
    assertEquals(PredictorChoice.ORACLE, PredictorChoice.parse("oracle"));
    assertEquals(PredictorChoice.quantised(4), PredictorChoice.parse("quantised"));
    for (int bits : new int[] {1, 2, 3, 4, 8}) {
      PredictorChoice choice = PredictorChoice.quantised(bits);
      assertEquals(choice, PredictorChoice.parse(choice.toString()));
    }
    for (String name : List.of("low-rank-128", "trained-64", "trained-64-top", "trained-relu-64",
        "cascade-32-2")) {
      assertEquals(name, PredictorChoice.parse(name).toString());
    }
    for (String name : List.of("low-rank", "low-rank-0", "low-rank-64-2", "low-rank-64-top",
        "cascade-32", "cascade-32-5", "quantised-4-top", "trained-064")) {
      assertThrows(BadInputException.class, () -> PredictorChoice.parse(name), name);
    }
    assertThrows(BadInputException.class, () -> PredictorChoice.parse("quantised-5"));
  }
}
