package dev.sluice.engine.ffn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.TinyStore;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** However a text is cut into blocks, and whichever thread takes which: the same hidden states. */
class SweepTest {
  private static final int TOKENS = 13;
  private static final int SEQUENCES = 3;
  // Races show seldom, so many sweeps are made.
  private static final int REPEATS = 40;

  @ParameterizedTest
  @EnumSource(FfnForm.class)
  void blocksAndThreadsLeaveNoMark(FfnForm form, @TempDir Path folder) {
    Path path = TinyStore.of(form).write(folder.resolve("tiny"), StoreWriter.Options.DEFAULT);
    Activity exact = Activity.exact(TinyStore.LAYERS);
    try (Store store = Store.open(path);
        Workers one = new Workers(1);
        Workers three = new Workers(3);
        Engine alone = new Engine(store, one, Backend.PREAD, exact, PredictorChoice.ALL);
        Engine team = new Engine(store, three, Backend.PREAD, exact, PredictorChoice.ALL);
        LayerStream layers = alone.openLayers()) {
      float[] expected = hidden(alone, layers, TOKENS);
      for (int block : new int[] {1, 4, 64}) {
        assertArrayEquals(expected, hidden(alone, layers, block));
        for (int k = 0; k < REPEATS; k++) {
          assertArrayEquals(expected, hidden(team, layers, block), "blocks of " + block);
        }
      }
    }
  }

  private static float[] hidden(Engine engine, LayerStream layers, int blockPositions) {
    Sweep sweep = engine.sweep(layers, blockPositions);
    List<Sequence> sequences = new ArrayList<>();
    Random random = new Random(1);
    for (int s = 0; s < SEQUENCES; s++) {
      sequences.add(sweep.window(random.ints(TOKENS, 0, TinyStore.VOCABULARY).toArray()));
    }
    sweep.run(sequences, engine.activity(), engine.blockPredictor(), LayerObserver.NONE);
    int size = TOKENS * TinyStore.HIDDEN;
    float[] all = new float[SEQUENCES * size];
    for (int s = 0; s < SEQUENCES; s++) {
      System.arraycopy(sequences.get(s).hidden(), 0, all, s * size, size);
    }
    return all;
  }
}
