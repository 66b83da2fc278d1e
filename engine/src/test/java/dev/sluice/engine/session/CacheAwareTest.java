package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Selection that looks at what is resident, in a session. */
class CacheAwareTest {
  private static final int ALL = TinyStore.LAYERS * TinyStore.NEURONS;
  private static final int[] TEXT = new Random(9).ints(30, 0, TinyStore.VOCABULARY).toArray();

  @TempDir
  static Path folder;

  private static Path tiny;

  @BeforeAll
  static void write() {
    tiny =
        TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
  }

  /** Logits after the last token, and neurons named over all. */
  private record Run(float[] logits, long named) {}

  private static Run run(String predictor, int slots, int pinned, int threads, Backend backend,
      int times) {
    try (Store store = Store.open(tiny);
        Workers workers = new Workers(threads);
        Engine engine = new Engine(store, workers, backend, Activity.exact(TinyStore.LAYERS),
            PredictorChoice.parse(predictor));
        Session session = new Session(engine, 64,
            new Residency(slots, pinned, Pinning.MOST_FREQUENT, new CachePolicy.Lru(),
                Integer.MAX_VALUE),
            new ReadPlanner.Limits(4096, 16 << 10, 512 << 10))) {
      float[] logits = {};
      for (int time = 0; time < times; time++) {
        session.restart();
        session.ledger().clear();
        for (int token : TEXT) {
          logits = session.step(token).clone();
        }
      }
      return new Run(logits, session.ledger().total(Quantity.PREDICTED));
    }
  }

  @Test
  void whereAllIsResidentNothingIsLeftOut() {
    Run copy = run("quantised-4", ALL, ALL, 1, Backend.AUTO, 1);
    Run aware = run("dip-ca-50", ALL, ALL, 1, Backend.AUTO, 1);
    assertArrayEquals(copy.logits, aware.logits);
    assertEquals(copy.named, aware.named);
  }

  @Test
  void theLessIsResidentTheMoreIsLeftOut() {
    Run copy = run("quantised-4", 200, 0, 1, Backend.AUTO, 1);
    Run roomy = run("dip-ca-30", 400, 0, 1, Backend.AUTO, 1);
    Run tight = run("dip-ca-30", 100, 0, 1, Backend.AUTO, 1);
    Run strict = run("dip-ca-10", 100, 0, 1, Backend.AUTO, 1);
    String all = copy.named + ", " + roomy.named + ", " + tight.named + ", " + strict.named;
    assertTrue(tight.named < roomy.named && roomy.named < copy.named, all);
    assertTrue(tight.named < strict.named && strict.named < copy.named, all);
    assertFalse(Arrays.equals(copy.logits, tight.logits));
  }

  /** Not timing, threads or who reads; and a text that begins again finds the cache as the first did. */
  @ParameterizedTest
  @CsvSource({"2,AUTO,1", "1,PREAD,1", "2,MMAP,1", "1,AUTO,2", "2,PREAD,3"})
  void theSameSlotsGiveTheSameBits(int threads, Backend backend, int times) {
    Run once = run("dip-ca-30", 150, 50, 1, Backend.AUTO, 1);
    Run other = run("dip-ca-30", 150, 50, threads, backend, times);
    assertArrayEquals(once.logits, other.logits);
    assertEquals(once.named, other.named);
  }
}
