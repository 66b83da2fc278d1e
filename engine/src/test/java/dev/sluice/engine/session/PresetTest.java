package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PresetTest {
  private static final ReadPlanner.Limits USUAL =
      new ReadPlanner.Limits(4096, 16 << 10, 512 << 10);
  private static final int SLOTS = 250;

  @TempDir
  static Path folder;

  private static Path tiny;

  @BeforeAll
  static void write() {
    tiny =
        TinyStore.of(FfnForm.UNGATED).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
  }

  private static float[] logits(Preset preset) {
    try (Store store = Store.open(tiny);
        Workers workers = new Workers(1);
        Engine engine = new Engine(store, workers, Backend.AUTO, Activity.exact(TinyStore.LAYERS),
            preset.predictor(store).orElse(PredictorChoice.quantised(4)));
        Session session = new Session(engine, 64,
            new Residency(SLOTS, (int) (preset.pinnedShare() * SLOTS), preset.pinning(),
                preset.policy(), Integer.MAX_VALUE),
            preset.merging(USUAL))) {
      for (int token = 0; token < 20; token++) {
        session.step(token * 7 % TinyStore.VOCABULARY);
      }
      return session.step(3).clone();
    }
  }

  /** The store's only predictor is certain, so all of them compute the same. */
  @ParameterizedTest
  @EnumSource(value = Preset.class, names = "DIP_CA", mode = EnumSource.Mode.EXCLUDE)
  void runsAndSaysTheSame(Preset preset) {
    assertArrayEquals(logits(Preset.DENSE_STREAMING), logits(preset));
  }

  @ParameterizedTest
  @EnumSource(Preset.class)
  void isFoundByItsKey(Preset preset) {
    assertEquals(Optional.of(preset), Preset.of(preset.key()));
    assertTrue(Preset.keys().contains(preset.key()));
  }

  @Test
  void noOtherKeyIsKnown() {
    assertEquals(Optional.empty(), Preset.of("flexgen"));
  }

  @Test
  void whereAllAreReadTheFirstArePinned() {
    assertEquals(Pinning.FIRST, Preset.PINNED_HALF.pinning());
    assertEquals(Pinning.MOST_FREQUENT, Preset.POWERINFER.pinning());
  }

  @Test
  void readsAreJoinedAsItsPaperDoes() {
    assertEquals(USUAL, Preset.RIPPLE.merging(USUAL));
    assertEquals(USUAL.unmerged(), Preset.POWERINFER2.merging(USUAL));
    assertEquals(new ReadPlanner.Limits(4096, 32 << 10, 512 << 10),
        Preset.LLM_IN_A_FLASH.merging(USUAL));
  }
}
