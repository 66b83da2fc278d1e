package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.model.ActivationPrecision;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.FaultyBlockReader;
import dev.sluice.storage.block.FaultyBlockReader.Fault;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Checking;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The whole engine on a disk that fails by a seeded die: faults that pass leave no trace but in the ledger, faults that stay
 * end the run in one line, and no token is ever another one.
 */
class FailingDiskTest {
  private static final long SEED = 5;
  private static final int STEPS = 6;

  /** Of each fault, for each request: some requests of a run fail, and none of them four times in a row. */
  private static final double PROBABILITY = 0.003;

  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final ReadPlanner.Limits LIMITS = new ReadPlanner.Limits(4096, 0, 4096);

  @TempDir
  static Path folder;

  private static final List<Path> stores = new ArrayList<>();
  private static Workers workers;

  @BeforeAll
  static void write() {
    workers = new Workers(2);
    for (FfnForm form : FfnForm.values()) {
      for (Arrangement arrangement : Arrangement.values()) {
        Container container =
            form == FfnForm.GATED ? Container.FILE : Container.LMDB;
        stores.add(
            TinyStore.of(form).write(
                folder.resolve(form + "-" + arrangement),
                new StoreWriter.Options(container, arrangement, 0, Existing.REFUSE)));
      }
    }
  }

  @AfterAll
  static void stop() {
    workers.close();
  }

  /** Another's names from the wrong input, so any names, but always the same: reads are asked for a layer ahead. */
  private record Ahead(ActivePredictor other) implements ActivePredictor {
    @Override
    public String name() {
      return "ahead-" + other.name();
    }

    @Override
    public PredictorInput input() {
      return PredictorInput.PREVIOUS_FFN;
    }

    @Override
    public long residentBytes() {
      return other.residentBytes();
    }

    @Override
    public void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
        PredictorScratch scratch) {
      other.predict(layer, normed, offset, count, predicted, scratch);
    }
  }

  /** What one run came to. */
  private record Run(List<float[]> logits, long repeats, List<FaultyBlockReader> readers) {
    long injected() {
      return readers.stream().mapToLong(reader -> reader.injections().size()).sum();
    }
  }

  private static Run run(Path path, long seed, double probability, List<Fault> faults)
      throws IOException {
    try (Store store = Store.open(path)) {
      byte[] content = Files.readAllBytes(store.ffn().file());
      List<FaultyBlockReader> readers = new ArrayList<>();
      SplittableRandom random = new SplittableRandom(seed);
      Supplier<BlockReader> disk =
          () -> {
            FaultyBlockReader reader =
                new FaultyBlockReader(store.ffn().file().toString(), content, 512,
                    random.nextLong());
            faults.forEach(fault -> reader.inject(fault, probability));
            readers.add(reader);
            return reader;
          };
      // Few slots, some pinned, so that every token reads.
      Residency residency = new Residency(60, 20, Window.auto(), 8);
      PredictorChoice choice = seed % 3 == 0 ? PredictorChoice.ALL : PredictorChoice.quantised(4);
      Activity exact = Activity.exact(TinyStore.LAYERS);
      try (Engine engine =
          new Engine(store, workers, disk, exact,
              store.spec().form() == FfnForm.GATED ? PredictorChoice.ALL : choice,
              ActivationPrecision.FLOAT32, Checking.EVERY_PAGE);
          Session session =
              new Session(engine, 32, residency, LIMITS, seed % 2 == 0 ? engine.tokenPredictor()
                  : new Ahead(engine.tokenPredictor()))) {
        List<float[]> logits = new ArrayList<>();
        logits.add(session.prompt(new int[] {3, 1, 4, 1, 5}, null).clone());
        int token = likeliest(logits.getLast());
        for (int step = 0; step < STEPS; step++) {
          logits.add(session.step(token).clone());
          token = likeliest(logits.getLast());
        }
        long repeats = Summary.of(session.ledger()).repeats();
        assertEquals(session.ledger().total(Quantity.REPEATS), repeats);
        return new Run(logits, repeats + session.repeatsBesideTokens(), readers);
      }
    }
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  private static void transientFaults(int runs) throws IOException {
    SplittableRandom random = new SplittableRandom(SEED);
    long injected = 0;
    long repeated = 0;
    for (int round = 0; round < runs; round++) {
      long seed = random.nextLong(1 << 30);
      Path store = stores.get(round % stores.size());
      String where = store.getFileName() + ", seed " + seed;
      Run calm = run(store, seed, 0, List.of());
      Run rough =
          assertTimeoutPreemptively(PATIENCE,
              () -> run(store, seed, PROBABILITY, List.of(Fault.values())), where);
      assertEquals(0, calm.repeats(), where);
      assertEquals(calm.logits().size(), rough.logits().size(), where);
      for (int t = 0; t < calm.logits().size(); t++) {
        assertArrayEquals(calm.logits().get(t), rough.logits().get(t), where + ", step " + t);
      }
      injected += rough.injected();
      repeated += rough.repeats();
    }
    assertTrue(injected > 2L * runs, injected + " faults in " + runs + " runs");
    assertTrue(repeated > runs, repeated + " repeats in " + runs + " runs");
  }

  @Test
  void faultsThatPassLeaveNoTraceButInTheLedger() throws IOException {
    transientFaults(20);
  }

  @Test
  @Tag("long")
  void aThousandRunsWithFaultsThatPass() throws IOException {
    transientFaults(1000);
  }

  @ParameterizedTest
  @EnumSource(value = Fault.class, names = {"STALLED"}, mode = EnumSource.Mode.EXCLUDE)
  void faultsThatStayEndTheRunInOneLine(Fault fault) {
    for (Path store : stores) {
      FaultException ended =
          assertTimeoutPreemptively(PATIENCE,
              () -> assertThrows(FaultException.class,
                  () -> run(store, 4 + stores.indexOf(store) % 2, 1, List.of(fault))));
      String message = ended.getMessage();
      assertEquals(1, message.lines().count(), message);
      assertTrue(message.startsWith(store.resolve("ffn.").toString()), message);
      if (fault != Fault.EIO && fault != Fault.SHORT_READ) {
        assertTrue(message.matches(".*page at offset \\d+ .*\\(layer \\d, .*neuron.*"), message);
      }
    }
  }

  @Test
  void aStalledReadOnlyTakesTime() throws IOException {
    for (Path store : stores) {
      long seed = 1L + stores.indexOf(store) % 2;
      Run calm = run(store, seed, 0, List.of());
      Run slow = run(store, seed, 0.5, List.of(Fault.STALLED));
      assertTrue(slow.injected() > 0);
      assertEquals(0, slow.repeats());
      for (int t = 0; t < calm.logits().size(); t++) {
        assertArrayEquals(calm.logits().get(t), slow.logits().get(t));
      }
    }
  }
}
