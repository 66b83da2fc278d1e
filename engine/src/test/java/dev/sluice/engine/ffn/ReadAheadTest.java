package dev.sluice.engine.ffn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.model.ActivationPrecision;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.TinyStore;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Checking;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which layers' reads have been asked for when a layer begins. */
class ReadAheadTest {
  @TempDir
  Path folder;

  private final Set<Integer> asked = new TreeSet<>();

  /** Every third neuron, for which it wants to see a certain state. */
  private record Thirds(PredictorInput input) implements ActivePredictor {
    @Override
    public String name() {
      return input.prefix() + "thirds";
    }

    @Override
    public long residentBytes() {
      return 0;
    }

    @Override
    public void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
        PredictorScratch scratch) {
      for (int i = 0; i < TinyStore.NEURONS; i++) {
        predicted[i] = (byte) (i % 3 == 0 ? 1 : 0);
      }
    }
  }

  private interface Check {
    void with(FfnStream stream, Workers workers);
  }

  private void run(ActivePredictor predictor, Check check) {
    StoreWriter.Options options =
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REFUSE);
    Path path = TinyStore.of(FfnForm.UNGATED).write(folder.resolve(predictor.name()), options);
    Activity exact = Activity.exact(TinyStore.LAYERS);
    try (Store store = Store.open(path); Workers workers = new Workers(2)) {
      Supplier<BlockReader> readers = () -> watched(store.ffn());
      try (
          Engine engine = new Engine(store, workers, readers, exact, PredictorChoice.ALL,
              ActivationPrecision.FLOAT32, Checking.EVERY_PAGE);
          FfnStream stream = new FfnStream(store, engine.model(), predictor, exact,
              new float[TinyStore.LAYERS][TinyStore.NEURONS], engine::openReader,
              new Residency(0, 0, Window.auto(), 64), () -> new int[0],
              new ReadPlanner.Limits(4096, 0, 8192), workers,
              new Ledger(TinyStore.LAYERS, workers.threads()))) {
        check.with(stream, workers);
      }
    }
  }

  /** A reader that notes of which layers it was asked for bundles. */
  private BlockReader watched(FfnLayout layout) {
    BlockReader real = BlockReaders.open(layout.file(), Backend.PREAD);
    return (BlockReader) Proxy.newProxyInstance(getClass().getClassLoader(),
        new Class<?>[] {BlockReader.class}, (proxy, method, arguments) -> {
          if (method.getName().equals("start")) {
            note(layout, (ReadBatch) arguments[0]);
          }
          return method.invoke(real, arguments);
        });
  }

  private synchronized void note(FfnLayout layout, ReadBatch batch) {
    for (int layer = 0; layer < TinyStore.LAYERS; layer++) {
      FfnLayout.Part part = layout.layers().get(layer).getFirst();
      long middle = part.offsetBytes(TinyStore.NEURONS / 2);
      for (int i = 0; i < batch.size(); i++) {
        long from = batch.fileOffsetBytes(i);
        if (from <= middle && middle < from + batch.lengthBytes(i)) {
          asked.add(layer);
        }
      }
    }
  }

  private synchronized Set<Integer> taken() {
    Set<Integer> result = new TreeSet<>(asked);
    asked.clear();
    return result;
  }

  /** For each layer: what had been asked for since the one before began, when it begins, and when its attention is over. */
  private void assertAsked(ActivePredictor predictor, List<Set<Integer>> beforeAttention,
      List<Set<Integer>> beforeFfn) {
    run(predictor, (stream, workers) -> {
      float[] x = state();
      for (int layer = 0; layer < TinyStore.LAYERS; layer++) {
        assertEquals(beforeAttention.get(layer), taken(), "before attention of layer " + layer);
        stream.begin(layer, x);
        workers.awaitBeside();
        assertEquals(beforeFfn.get(layer), taken(), "before the FFN of layer " + layer);
        stream.apply(layer, state(), x);
      }
      assertEquals(beforeAttention.getLast(), taken(), "at the end");
    });
  }

  private static float[] state() {
    float[] state = new float[TinyStore.HIDDEN];
    for (int i = 0; i < state.length; i++) {
      state[i] = i % 7 - 3;
    }
    return state;
  }

  private static final Set<Integer> NONE = Set.of();

  @Test
  void readsOfALayerFollowThoseOfTheOneBeforeWhereItsNeuronsAreForeseen() {
    assertEquals(4, TinyStore.LAYERS);
    assertAsked(new Thirds(PredictorInput.PREVIOUS_FFN),
        List.of(NONE, NONE, Set.of(2), Set.of(3), NONE),
        List.of(Set.of(0), Set.of(1), NONE, NONE));
  }

  @Test
  void readsOfALayerPassBehindItsAttentionWhereItsNeuronsAreNamedEarly() {
    assertAsked(new Thirds(PredictorInput.BLOCK),
        List.of(NONE, NONE, NONE, NONE, NONE),
        List.of(Set.of(0), Set.of(1), Set.of(2), Set.of(3)));
  }

  @Test
  void readsOfALayerWaitForItsInputOtherwise() {
    assertAsked(new Thirds(PredictorInput.FFN),
        List.of(NONE, Set.of(0), Set.of(1), Set.of(2), Set.of(3)),
        List.of(NONE, NONE, NONE, NONE));
  }

  @Test
  void aTokenThatWasGivenUpIsNotTakenForTheNext() {
    for (ActivePredictor predictor : List.of(new Thirds(PredictorInput.PREVIOUS_FFN),
        new AllNeurons(TinyStore.NEURONS))) {
      run(predictor, (stream, workers) -> {
        float[] x = state();
        for (int layer = 0; layer < 2; layer++) {
          stream.begin(layer, x);
          stream.apply(layer, state(), x);
        }
        assertThrows(FaultException.class, () -> stream.begin(0, x));
        assertThrows(FaultException.class, () -> stream.apply(0, state(), x));
      });
    }
  }
}
