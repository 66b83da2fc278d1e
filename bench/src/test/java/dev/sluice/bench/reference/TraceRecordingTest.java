package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.AllNeurons;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.trace.Tracer;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Traces of small random-weight models: what is in them, and that a cut-off run leaves no mark. */
class TraceRecordingTest {
  private static final int WINDOW = 32;
  private static final int WINDOWS = 6;

  @TempDir
  Path folder;

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  /** Names neurons by the signs of what the FFN before got. */
  private record Signs(int hidden, int neurons) implements ActivePredictor {
    @Override
    public String name() {
      return "signs";
    }

    @Override
    public PredictorInput input() {
      return PredictorInput.PREVIOUS_FFN;
    }

    @Override
    public long residentBytes() {
      return 0;
    }

    @Override
    public void predict(
        int layer, float[] normed, int offset, int count, byte[] predicted,
        PredictorScratch scratch) {
      for (int i = 0; i < neurons; i++) {
        for (int t = 0; t < count; t++) {
          predicted[i * count + t] =
              (byte) (normed[offset + t * hidden + i % hidden] > 0 ? 1 : 0);
        }
      }
    }
  }

  /** Another predictor, until the call of a given number, which throws. */
  private record Fuse(ActivePredictor other, AtomicInteger calls) implements ActivePredictor {
    @Override
    public String name() {
      return other.name();
    }

    @Override
    public PredictorInput input() {
      return other.input();
    }

    @Override
    public long residentBytes() {
      return 0;
    }

    @Override
    public void predict(
        int layer, float[] normed, int offset, int count, byte[] predicted,
        PredictorScratch scratch) {
      if (calls.decrementAndGet() == 0) {
        throw new Killed();
      }
      other.predict(layer, normed, offset, count, predicted, scratch);
    }
  }

  private static int[] tokens(ModelSpec spec) {
    return new Random(8).ints(WINDOW * WINDOWS + 5, 0, spec.vocabulary()).toArray();
  }

  private static void trace(
      Store store, Path target, int threads, Activity activity, int callsUntilKilled, int[] search,
      ProgressListener progress) {
    trace(store, target, threads, activity, new AllNeurons(store.spec().feedForward()),
        callsUntilKilled, search, progress);
  }

  private static void trace(
      Store store, Path target, int threads, Activity activity, ActivePredictor predictor,
      int callsUntilKilled, int[] search, ProgressListener progress) {
    try (Workers workers = new Workers(threads);
        Engine engine = new Engine(store, workers, Backend.AUTO, activity, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Tracer.Request request =
          new Tracer.Request(
              target,
              TraceWriter.Existing.REFUSE,
              store.digest(),
              tokens(store.spec()),
              search,
              WINDOW,
              ActiveRule.OUTPUT,
              activity,
              new Fuse(predictor, new AtomicInteger(callsUntilKilled)));
      new Tracer(engine.model(), engine.sweep(layers, WINDOW), workers).trace(request, progress);
    }
  }

  private static void dense(Store store, Path target, int threads) {
    trace(
        store, target, threads, Activity.exact(store.spec().layers()), -1, new int[0],
        (d, t) -> {});
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee-relu2", "llama-silu"})
  void threadsLeaveNoMark(String name) {
    try (Store store = Store.open(Checkpoints.imported(name))) {
      Path one = folder.resolve("one.trace");
      Path two = folder.resolve("two.trace");
      dense(store, one, 1);
      dense(store, two, 2);
      assertSameContent(one, two);
    }
  }

  /** A kill between layers, and kills within the first, a middle and the last layer, one after another. */
  @ParameterizedTest
  @CsvSource({"arcee-relu2,1", "arcee-relu2,2", "llama-silu,2"})
  void aRunThatWasKilledGoesOnWhereItStoppedAndEndsTheSame(String name, int threads) {
    try (Store store = Store.open(Checkpoints.imported(name))) {
      int layers = store.spec().layers();
      Activity exact = Activity.exact(layers);
      int[] search = new Random(3).ints(4 * WINDOW, 0, store.spec().vocabulary()).toArray();
      Path whole = folder.resolve("whole.trace");
      trace(store, whole, threads, exact, -1, search, (done, total) -> {});

      Path cut = folder.resolve("cut.trace");
      List<Long> firsts = new ArrayList<>();
      kill(store, cut, threads, exact, 3, search, firsts);
      ProgressListener afterFirstLayer =
          (done, total) -> {
            if (done == 1) {
              throw new Killed();
            }
          };
      assertKilled(() -> trace(store, cut, threads, exact, -1, search, afterFirstLayer));
      kill(store, cut, threads, exact, WINDOWS - 1, search, firsts);
      kill(store, cut, threads, exact, (layers - 2) * WINDOWS + 2, search, firsts);
      assertFalse(Files.exists(cut), "an unfinished trace has no name yet");
      List<Long> progress = new ArrayList<>();
      trace(store, cut, threads, exact, -1, search, (done, total) -> progress.add(done));

      assertEquals(List.of(0L, 1L, 1L), firsts, "layers that were taken up again");
      assertEquals(layers - 1L, progress.getFirst(), "only the last layer was left");
      assertSameContent(whole, cut);
    }
  }

  /** What a predictor looks at of the layer before is not lost with the run. */
  @Test
  void aKilledRunWhosePredictorLooksBackEndsTheSame() {
    try (Store store = Store.open(Checkpoints.imported("arcee-relu2"))) {
      ModelSpec spec = store.spec();
      assertTrue(spec.layers() > 2, "the first two layers do not look back");
      Activity exact = Activity.exact(spec.layers());
      Signs signs = new Signs(spec.hidden(), spec.feedForward());
      Path whole = folder.resolve("whole.trace");
      trace(store, whole, 2, exact, signs, -1, new int[0], (done, total) -> {});
      Path cut = folder.resolve("cut.trace");
      for (int layer = 1; layer < spec.layers(); layer++) {
        // Each run ends the layer that it begins with, and is killed in the next.
        assertKilled(() -> trace(store, cut, 2, exact, signs, WINDOWS + 2, new int[0],
            (done, total) -> {}));
      }
      List<Long> progress = new ArrayList<>();
      trace(store, cut, 2, exact, signs, -1, new int[0], (done, total) -> progress.add(done));
      assertEquals(spec.layers() - 1L, progress.getFirst(), "only the last layer was left");
      assertSameContent(whole, cut);
    }
  }

  /** The first progress report of a killed run says with which layer it began. */
  private static void kill(
      Store store, Path target, int threads, Activity activity, int calls, int[] search,
      List<Long> firsts) {
    List<Long> seen = new ArrayList<>();
    assertKilled(
        () -> trace(store, target, threads, activity, calls, search,
            (done, total) -> seen.add(done)));
    firsts.add(seen.getFirst());
  }

  private static void assertKilled(Runnable run) {
    Throwable thrown = assertThrows(RuntimeException.class, run::run);
    while (!(thrown instanceof Killed) && thrown.getCause() != null) {
      thrown = thrown.getCause();
    }
    assertSame(Killed.class, thrown.getClass(), () -> "killed for another reason");
  }

  private static void assertSameContent(Path expected, Path actual) {
    try (TraceReader a = TraceReader.open(expected); TraceReader b = TraceReader.open(actual)) {
      b.verify();
      assertEquals(a.header(), b.header());
      assertEquals(a.digest(), b.digest());
      assertEquals(a.blobKeys(), b.blobKeys());
      for (String key : a.blobKeys()) {
        assertArrayEquals(a.blob(key).orElseThrow(), b.blob(key).orElseThrow(), key);
      }
      for (int layer = 0; layer < a.header().layers(); layer++) {
        for (int k = 0; k < a.chunkCount(layer); k++) {
          TraceChunk want = a.read(layer, k, null);
          TraceChunk got = b.read(layer, k, null);
          assertArrayEquals(want.masks(), got.masks());
          assertArrayEquals(want.magnitudes(), got.magnitudes());
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee-relu2", "arcee-relu", "llama-relu"})
  void recordsWhatFiresAndHowStrongly(String name) {
    try (Store store = Store.open(Checkpoints.imported(name))) {
      Path target = folder.resolve("dense.trace");
      dense(store, target, 2);
      DirectFfn direct = DirectFfn.of(store, tokens(store.spec()), WINDOW, WINDOWS);
      int firings = 0;
      try (TraceReader trace = TraceReader.open(target)) {
        assertEquals(WINDOW * WINDOWS, trace.header().tokens(), "an incomplete window is dropped");
        for (int layer = 0; layer < store.spec().layers(); layer++) {
          for (int window = 0; window < WINDOWS; window++) {
            TraceChunk chunk = trace.read(layer, window, null);
            for (int t = 0; t < WINDOW; t++) {
              firings += compare(direct, layer, window * WINDOW + t, chunk, t);
            }
          }
        }
      }
      assertTrue(firings > 1000, "only " + firings + " firings compared");
    }
  }

  private static int compare(DirectFfn direct, int layer, int token, TraceChunk chunk, int t) {
    int firings = 0;
    for (int i = 0; i < chunk.neurons(); i++) {
      double expected = direct.magnitude(layer, token, i);
      boolean fired = (chunk.masks()[t * chunk.words() + (i >>> 6)] >>> i & 1) != 0;
      String where = "layer " + layer + ", token " + token + ", neuron " + i;
      // Within rounding of zero either answer is right.
      if (expected > 1e-6) {
        assertTrue(fired, where + " of magnitude " + expected);
      } else if (expected == 0 && direct.inner(layer, token, i) < -1e-4) {
        assertFalse(fired, where);
      }
      if (fired) {
        // Magnitudes are kept to 11 bits; squares of sums near zero lose more to cancellation.
        assertEquals(expected, chunk.magnitude(t, i), 1e-3 * expected + 1e-5, where);
        firings++;
      }
    }
    return firings;
  }

  @Test
  void keepsColumnNormsAndSampledInputs() {
    try (Store store = Store.open(Checkpoints.imported("arcee-relu2"))) {
      Path target = folder.resolve("dense.trace");
      dense(store, target, 2);
      int[] tokens = tokens(store.spec());
      DirectFfn direct = DirectFfn.of(store, tokens, WINDOW, WINDOWS);
      try (TraceReader trace = TraceReader.open(target)) {
        for (int layer = 0; layer < store.spec().layers(); layer++) {
          float[] norms = Floats.fromBytes(trace.blob(TraceKeys.columnNorms(layer)).orElseThrow());
          for (int i = 0; i < norms.length; i++) {
            assertEquals(direct.columnNorm(layer, i), norms[i], 1e-5 * norms[i]);
          }
          float[] inputs = Floats.fromBytes(trace.blob(TraceKeys.inputs(layer)).orElseThrow());
          assertEquals(WINDOW * WINDOWS * store.spec().hidden(), inputs.length, "all fit");
          assertArrayEquals(direct.inputs(layer), inputs);
        }
      }
    }
  }

  @Test
  void aSparseRunRecordsWhatItUsedAndNoCurves() {
    try (Store store = Store.open(Checkpoints.imported("arcee-relu2"))) {
      Path denseTrace = folder.resolve("dense.trace");
      dense(store, denseTrace, 2);
      int layers = store.spec().layers();
      try (TraceReader dense = TraceReader.open(denseTrace)) {
        float[] thresholds =
            CettCurve.thresholdsAt(Tracer.curves(dense, ActiveRule.OUTPUT), 0.3);
        Activity activity = new Activity(ActiveRule.OUTPUT, 0.3, thresholds);
        Path sparseTrace = folder.resolve("sparse.trace");
        // The rule needs column norms, which an imported store lacks and a sweep computes itself.
        traceSparse(store, sparseTrace, activity);
        try (TraceReader sparse = TraceReader.open(sparseTrace)) {
          assertNotEquals(dense.header(), sparse.header(), "a sparse run says so");
          assertTrue(sparse.blob(TraceKeys.curve(ActiveRule.OUTPUT, 0)).isEmpty());
          for (int layer = 0; layer < layers; layer++) {
            assertTrue(sparse.firings(layer) > 0);
            for (int window = 0; window < WINDOWS; window++) {
              TraceChunk chunk = sparse.read(layer, window, null);
              for (float magnitude : chunk.magnitudes()) {
                assertTrue(magnitude == 0 || magnitude >= thresholds[layer] * 0.999f);
              }
            }
          }
          sameAsFilteredDense(dense, sparse, thresholds[0]);
        }
      }
    }
  }

  private static void traceSparse(Store store, Path target, Activity activity) {
    try (Workers workers = new Workers(2);
        Engine engine =
            new Engine(
                store, workers, Backend.AUTO, Activity.exact(store.spec().layers()),
                PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Tracer.Request request =
          new Tracer.Request(
              target,
              TraceWriter.Existing.REFUSE,
              store.digest(),
              tokens(store.spec()),
              new int[0],
              WINDOW,
              ActiveRule.OUTPUT,
              activity,
              engine.blockPredictor());
      new Tracer(engine.model(), engine.sweep(layers, WINDOW), workers).trace(request,
          (d, t) -> {});
    }
  }

  /** Nothing is left out before the first FFN, so there a sparse run's sets are the dense ones above the threshold. */
  private static void sameAsFilteredDense(TraceReader dense, TraceReader sparse, float threshold) {
    for (int window = 0; window < WINDOWS; window++) {
      TraceChunk all = dense.read(0, window, null);
      TraceChunk some = sparse.read(0, window, null);
      for (int t = 0; t < WINDOW; t++) {
        for (int i = 0; i < all.neurons(); i++) {
          float magnitude = all.magnitude(t, i);
          // Recorded magnitudes are rounded: what lies at the threshold may be on either side.
          if (Math.abs(magnitude - threshold) > 1e-3 * threshold) {
            assertEquals(magnitude > threshold ? magnitude : 0, some.magnitude(t, i));
          }
        }
      }
    }
  }

  @Test
  void aTextShorterThanAWindowIsRefused() {
    try (Store store = Store.open(Checkpoints.imported("arcee-relu2"));
        Workers workers = new Workers(1);
        Engine engine =
            new Engine(
                store, workers, Backend.AUTO, Activity.exact(store.spec().layers()),
                PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Tracer.Request request =
          new Tracer.Request(
              folder.resolve("short.trace"),
              TraceWriter.Existing.REFUSE,
              store.digest(),
              new int[WINDOW - 1],
              new int[0],
              WINDOW,
              ActiveRule.OUTPUT,
              engine.activity(),
              engine.blockPredictor());
      Tracer tracer = new Tracer(engine.model(), engine.sweep(layers, WINDOW), workers);
      assertThrows(IllegalArgumentException.class, () -> tracer.trace(request, (d, t) -> {}));
      assertFalse(Files.exists(folder.resolve("short.trace.partial")));
    }
  }
}
