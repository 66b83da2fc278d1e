package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A store that is replaced while a session has it open: its readers keep the old files, and a new reader is told. */
class ReplacedStoreTest {
  private static final ReadPlanner.Limits LIMITS = new ReadPlanner.Limits(4096, 0, 64 * 1024);
  private static final int STEPS = 5;

  @TempDir
  Path folder;

  private static Path write(Path target, FfnForm form) {
    return TinyStore.of(form).write(target,
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REPLACE));
  }

  private static Session session(Engine engine) {
    return new Session(engine, 32, new Residency(60, 0, Window.auto(), 64), LIMITS);
  }

  /** The new one is larger, or smaller. */
  @ParameterizedTest
  @EnumSource(FfnForm.class)
  void anOpenSessionGoesOnWithTheOldFiles(FfnForm form) {
    Path target = write(folder.resolve("tiny"), form);
    try (Workers workers = new Workers(1);
        Store store = Store.open(target);
        Engine engine =
            new Engine(store, workers, Backend.AUTO, Activity.exact(TinyStore.LAYERS),
                PredictorChoice.ALL)) {
      float[][] expected = new float[STEPS][];
      try (Session calm = session(engine)) {
        for (int step = 0; step < STEPS; step++) {
          expected[step] = calm.step(step + 1).clone();
        }
      }
      try (Session session = session(engine)) {
        for (int step = 0; step < STEPS; step++) {
          if (step == 2) {
            write(target, form == FfnForm.GATED ? FfnForm.UNGATED : FfnForm.GATED);
          }
          assertArrayEquals(expected[step], session.step(step + 1), "step " + step);
        }
        FaultException told =
            assertThrows(FaultException.class, () -> session.prompt(new int[] {3, 4}, null));
        assertEquals(store.ffn().file() + ": was replaced while it was in use; start again",
            told.getMessage());
        assertTrue(session.position() == STEPS, "the prompt was not taken");
      }
    }
  }
}
