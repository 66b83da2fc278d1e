package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.tensor.Floats;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bundles pinned by what fired in the prompt. */
class PromptFrequencyTest {
  private static final ReadPlanner.Limits LIMITS = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);
  private static final int[] PROMPT = new Random(3).ints(70, 0, TinyStore.VOCABULARY).toArray();
  private static final int NEURONS = TinyStore.NEURONS;
  private static final int BUNDLES = TinyStore.LAYERS * NEURONS;
  private static final int PINNED = BUNDLES / 3;

  @TempDir
  private Path folder;

  /** Which neurons fire, token by token of a text that is swept at once. */
  private static boolean[][] firings(Engine engine, int[] text) {
    boolean[][] fires = new boolean[text.length][BUNDLES];
    try (LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, text.length);
      sweep.run(List.of(sweep.window(text)), engine.activity(), new AllNeurons(NEURONS),
          new LayerObserver() {
            @Override
            public void layerStarts(LayerWeights weights, float[] columnNorms) {}

            @Override
            public void observe(Block block) {
              for (int i = 0; i < NEURONS; i++) {
                for (int t = 0; t < block.count(); t++) {
                  fires[block.firstToken() + t][block.weights().layer() * NEURONS + i] =
                      block.outputs()[i * block.count() + t] != 0;
                }
              }
            }

            @Override
            public void layerEnds(int layer) {}
          });
    }
    return fires;
  }

  /** Neuron (layer · neurons + number) of each bundle (layer · neurons + place). */
  private static int[] neurons(Store store) {
    return IntStream.range(0, BUNDLES)
        .map(b -> b / NEURONS * NEURONS + store.order(b / NEURONS)[b % NEURONS]).toArray();
  }

  /** Bundles by 100 · frequency + firings in the prompt. */
  private static int[] expected(float[] frequency, boolean[][] fires, int[] neurons) {
    float[] scores = new float[BUNDLES];
    for (int b = 0; b < BUNDLES; b++) {
      int neuron = neurons[b];
      scores[b] = 100 * frequency[neuron]
          + Arrays.stream(fires).limit(PROMPT.length).filter(token -> token[neuron]).count();
    }
    return IntStream.range(0, BUNDLES).boxed()
        .sorted((a, b) -> Float.compare(scores[b], scores[a])).mapToInt(b -> b).toArray();
  }

  private void check(float[] frequency, Path path) {
    try (Store store = Store.open(path);
        Workers workers = new Workers(2);
        Engine engine = new Engine(store, workers, Backend.AUTO,
            Activity.exact(TinyStore.LAYERS), PredictorChoice.ORACLE)) {
      int[] text = Arrays.copyOf(PROMPT, PROMPT.length + 1);
      text[PROMPT.length] = 5;
      boolean[][] fires = firings(engine, text);
      int[] neurons = neurons(store);
      int[] order = expected(frequency, fires, neurons);
      PromptFrequency own = new PromptFrequency(store);
      try (LayerStream layers = engine.openLayers()) {
        Sweep sweep = engine.sweep(layers, 16);
        sweep.run(List.of(sweep.window(PROMPT)), engine.activity(),
            new AllNeurons(NEURONS), own.promptObserver());
      }
      assertArrayEquals(order, own.bundles());
      boolean[] next = fires[PROMPT.length];
      Residency residency = new Residency(PINNED, PINNED, Pinning.MOST_FREQUENT_WITH_PROMPT,
          Window.auto(), 64);
      try (Session session = new Session(engine, 128, residency, LIMITS)) {
        session.prompt(PROMPT, null);
        session.step(5);
        assertEquals(IntStream.range(0, BUNDLES).filter(b -> next[b]).count(),
            session.ledger().total(Quantity.PREDICTED));
        assertEquals(IntStream.of(order).limit(PINNED).filter(b -> next[neurons[b]]).count(),
            session.ledger().total(Quantity.HITS));
      }
    }
  }

  @Test
  void theTraceCountsLikeAHundredTokens() {
    Random random = new Random(11);
    float[] frequency = new float[BUNDLES];
    for (int b = 0; b < BUNDLES; b++) {
      frequency[b] = random.nextFloat();
    }
    check(frequency, TinyStore.of(FfnForm.UNGATED)
        .with(StoreKeys.FREQUENCY, Floats.toBytes(frequency))
        .write(folder.resolve("traced"), StoreWriter.Options.DEFAULT));
  }

  /** Where the trace's order needs a trace, the prompt's does without. */
  @Test
  void withoutATraceThePromptAlone() {
    Path path = TinyStore.of(FfnForm.UNGATED).with(StoreKeys.FREQUENCY, new byte[0])
        .write(folder.resolve("untraced"), StoreWriter.Options.DEFAULT);
    check(new float[BUNDLES], path);
    try (Store store = Store.open(path);
        Workers workers = new Workers(1);
        Engine engine = new Engine(store, workers, Backend.AUTO,
            Activity.exact(TinyStore.LAYERS), PredictorChoice.ALL);
        Session session = new Session(engine, 8,
            new Residency(PINNED, PINNED, Window.auto(), 64), LIMITS)) {
      assertTrue(assertThrows(BadInputException.class, () -> session.step(1)).getMessage()
          .contains("no hot bundles"));
    }
  }
}
