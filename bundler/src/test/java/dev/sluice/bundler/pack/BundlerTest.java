package dev.sluice.bundler.pack;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.importer.Importer;
import dev.sluice.bundler.order.Order;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.bundler.quant.BundleDecoder;
import dev.sluice.bundler.quant.Requantisation;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.predictor.QuantisedCopy;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.QuantisationErrors;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.OnePercentTargets;
import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceHeader;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Repacking by a made-up trace: every neuron's bytes arrive, wherever they go, and nothing else changes. */
class BundlerTest {
  private static final int TOKENS = 96;
  private static final float THRESHOLD = 2; // what the made-up curve gives at its CETT target
  private static final double CETT = 0.25;

  @TempDir
  static Path folder;

  private static Path imported;
  private static Path trace;

  @BeforeAll
  static void make() {
    imported = folder.resolve("imported.sluice");
    Path checkpoint =
        Path.of(System.getProperty("sluice.root")).resolve("fixtures/hf/llama-relu");
    Importer.importCheckpoint(checkpoint, imported, StoreWriter.Options.DEFAULT, (d, t) -> {});
    trace = folder.resolve("made-up.trace");
    try (Store store = Store.open(imported)) {
      writeTrace(trace, store, store.digest(), "dense");
    }
  }

  private static void writeTrace(Path target, Store store, String storeDigest, String run) {
    ModelSpec spec = store.spec();
    Random random = new Random(40);
    TraceHeader header =
        new TraceHeader(
            storeDigest, "text", spec.layers(), spec.feedForward(), TOKENS, 32, "output", run);
    try (TraceWriter writer = TraceWriter.open(target, header, TraceWriter.Existing.REFUSE)) {
      for (int layer = 0; layer < spec.layers(); layer++) {
        for (int first = 0; first < TOKENS; first += 32) {
          TraceChunk chunk = new TraceChunk(32, spec.feedForward());
          for (int t = 0; t < 32; t++) {
            for (int i = 0; i < spec.feedForward(); i++) {
              if (random.nextInt(3) == 0) {
                chunk.fire(t, i, 1 + 2 * random.nextInt(2));
              }
            }
          }
          writer.append(layer, first, chunk);
        }
        if (run.equals("dense")) {
          CettCurve curve =
              new CettCurve(new float[] {1, THRESHOLD, 4}, new float[] {0.125f, 0.25f, 0.5f}, 64);
          writer.blob(TraceKeys.curve(ActiveRule.OUTPUT, layer), CettCurve.encode(List.of(curve)));
        }
        float[] norms = new float[spec.feedForward()];
        Arrays.fill(norms, 1 + layer);
        writer.blob(TraceKeys.columnNorms(layer), Floats.toBytes(norms));
        float[] inputs = new float[8 * spec.hidden()];
        for (int j = 0; j < inputs.length; j++) {
          inputs[j] = (float) random.nextGaussian();
        }
        writer.blob(TraceKeys.inputs(layer), Floats.toBytes(inputs));
        writer.endLayer(layer, new byte[] {1});
      }
      writer.blob(
          TraceKeys.TARGETS, new OnePercentTargets(Map.of(ActiveRule.OUTPUT, CETT)).encode());
      writer.finish();
    }
  }

  private static void bundle(
      Path traceFile, Path target, String order, double cett, List<Integer> bits,
      ProgressListener progress) {
    try (Store store = Store.open(imported); TraceReader reader = TraceReader.open(traceFile)) {
      Bundler.Request request =
          new Bundler.Request(
              target, StoreWriter.Options.DEFAULT, Order.named(order, 3), cett,
              Bundler.FittedTo.ALL,
              bits.stream().map(PredictorRecipe::quantised).toList(), 0.99, 3);
      Bundler.bundle(store, reader, traceFile, request, progress);
    }
  }

  /** All bundles by neuron, as they were in the first place. */
  private static void assertSameWeights(Store expected, Store actual) {
    ModelSpec spec = expected.spec();
    assertEquals(spec, actual.spec());
    try (Arena arena = Arena.ofConfined()) {
      for (int layer = 0; layer < spec.layers(); layer++) {
        StoredLayer want = StoredLayer.read(expected, layer, arena);
        StoredLayer got = StoredLayer.read(actual, layer, arena);
        for (int i = 0; i < spec.feedForward(); i++) {
          assertArrayEquals(bytes(want, i, spec, arena), bytes(got, i, spec, arena));
        }
      }
      assertEquals(
          -1, expected.loadDense(arena).mismatch(actual.loadDense(arena)), "resident tensors");
    }
    assertEquals(expected.denseTensors(), actual.denseTensors());
    assertEquals(expected.tokenizerJson().isPresent(), actual.tokenizerJson().isPresent());
  }

  private static byte[] bytes(StoredLayer layer, int neuron, ModelSpec spec, Arena arena) {
    MemorySegment bundle = arena.allocate(spec.bundleBytes());
    layer.copyBundle(neuron, bundle);
    return bundle.toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @CsvSource({"identity", "random", "frequency", "ripple"})
  void aBundledStoreHasTheSameWeightsInAnotherOrder(String order) {
    Path target = folder.resolve(order + ".sluice");
    bundle(trace, target, order, CETT, List.of(), (d, t) -> {});
    try (Store from = Store.open(imported); Store to = Store.open(target);
        TraceReader reader = TraceReader.open(trace)) {
      assertSameWeights(from, to);
      assertEquals(order, to.provenance().order());
      assertEquals(reader.digest(), to.provenance().traceDigest());
      int[] identity = IntStream.range(0, from.spec().feedForward()).toArray();
      assertEquals(order.equals("identity"), Arrays.equals(identity, to.order(0)));
      if (order.equals("frequency")) {
        float[] frequency = Floats.fromBytes(to.blob(StoreKeys.FREQUENCY).orElseThrow());
        int[] positions = to.order(0);
        for (int p = 1; p < positions.length; p++) {
          assertTrue(frequency[positions[p - 1]] >= frequency[positions[p]], "position " + p);
        }
      }
    }
  }

  @Test
  void whatTheTraceMeasuredGoesIntoTheCatalog() {
    Path target = folder.resolve("measured.sluice");
    bundle(trace, target, "random", CETT, List.of(2, 8), (d, t) -> {});
    try (Store store = Store.open(target); TraceReader reader = TraceReader.open(trace);
        Arena arena = Arena.ofConfined()) {
      ModelSpec spec = store.spec();
      float[] frequency = Floats.fromBytes(store.blob(StoreKeys.FREQUENCY).orElseThrow());
      for (int layer = 0; layer < spec.layers(); layer++) {
        assertFrequencies(reader, layer, frequency, spec);
      }
      float[] norms = Floats.fromBytes(store.blob(StoreKeys.COLUMN_NORMS).orElseThrow());
      assertEquals(1, norms[0]);
      assertEquals(spec.layers(), norms[norms.length - 1]);
      List<CettCurve> curves =
          CettCurve.decode(store.blob(StoreKeys.curve(ActiveRule.OUTPUT)).orElseThrow());
      assertEquals(THRESHOLD, CettCurve.thresholdsAt(curves, CETT)[0]);
      assertTrue(store.blob(StoreKeys.curve(ActiveRule.GATE)).isEmpty());
      assertEquals(CETT, Bundler.onePercentTarget(reader));
      for (int bits : new int[] {2, 8}) {
        byte[] bytes = store.blob(StoreKeys.quantised(bits)).orElseThrow();
        QuantisedCopy copy = QuantisedCopy.decode(bytes, spec.activation(), arena);
        assertEquals(bits, copy.bits());
        assertEquals(spec.layers(), copy.layers());
        assertEquals(0.99, copy.recallTarget());
        assertEquals(spec.layers(), copy.kappas(ActiveRule.EXACT, 0).length);
      }
    }
  }

  /** Share of tokens at which a neuron's magnitude reaches the threshold, counted from the chunks themselves. */
  private static void assertFrequencies(
      TraceReader reader, int layer, float[] frequency, ModelSpec spec) {
    int[] counts = new int[spec.feedForward()];
    for (int k = 0; k < reader.chunkCount(layer); k++) {
      TraceChunk chunk = reader.read(layer, k, null);
      for (int t = 0; t < chunk.tokens(); t++) {
        for (int i = 0; i < counts.length; i++) {
          counts[i] += chunk.magnitude(t, i) >= THRESHOLD ? 1 : 0;
        }
      }
    }
    for (int i = 0; i < counts.length; i++) {
      assertEquals(
          counts[i] / (double) TOKENS, frequency[layer * counts.length + i], 1e-6, "neuron " + i);
    }
  }

  @ParameterizedTest
  @CsvSource({"FILE,SPLIT,0", "LMDB,BUNDLED,0", "LMDB,SPLIT,4096", "FILE,BUNDLED,10240"})
  void aCopyInAnotherShapeKnowsTheSame(Container container, Arrangement arrangement, int stride) {
    Path base = folder.resolve("base-" + container + arrangement + ".sluice");
    bundle(trace, base, "ripple", CETT, List.of(4), (d, t) -> {});
    StoreWriter.Options options =
        new StoreWriter.Options(container, arrangement, stride, Existing.REFUSE);
    Path kept = folder.resolve("kept-" + container + arrangement);
    Path undone = folder.resolve("undone-" + container + arrangement);
    try (Store from = Store.open(base)) {
      Repacker.repack(from, kept, options, Repacker.Rearrangement.KEEP, (d, t) -> {});
      Repacker.repack(from, undone, options, Repacker.Rearrangement.IDENTITY, (d, t) -> {});
      try (Store same = Store.open(kept); Store identity = Store.open(undone)) {
        assertSameWeights(from, same);
        assertSameWeights(from, identity);
        assertArrayEquals(from.order(1), same.order(1));
        assertArrayEquals(
            IntStream.range(0, from.spec().feedForward()).toArray(), identity.order(1));
        assertEquals("ripple", same.provenance().order());
        assertEquals("identity", identity.provenance().order());
        assertEquals(from.blobKeys(), same.blobKeys());
        for (String key : from.blobKeys()) {
          assertArrayEquals(from.blob(key).orElseThrow(), same.blob(key).orElseThrow(), key);
        }
        int width =
            same.ffn().layers().getFirst().stream().mapToInt(part -> part.strideBytes()).sum();
        assertTrue(width >= Math.max(stride, from.spec().bundleBytes()));
      }
    }
  }

  /** Every weight moves by less than its share of the error told, rows that stay keep their bytes, and scales are resident. */
  @ParameterizedTest
  @CsvSource({"down=q4_0,0.12", "down=q4_0:16,0.11", "down=q4_1,0.10", "down=q8_0,0.008",
    "gate=q4_0;up=q8_0;down=q4_0:64,0.14"})
  void fewerBitsCostWhatTheStoreSays(String parts, double atMost) {
    Path target = folder.resolve("quantised-" + parts.hashCode() + ".sluice");
    Requantisation choice = Requantisation.parse(List.of(parts.split(";")));
    try (Store from = Store.open(imported); TraceReader reader = TraceReader.open(trace)) {
      Bundler.bundle(from, reader, trace,
          new Bundler.Request(target, StoreWriter.Options.DEFAULT, Order.named("random", 3), CETT,
              Bundler.FittedTo.ALL, List.of(), 0.99, 3, choice),
          (d, t) -> {});
      try (Store to = Store.open(target); Arena arena = Arena.ofConfined()) {
        assertEquals(choice.applyTo(from.spec()), to.spec());
        QuantisationErrors errors =
            QuantisationErrors.decode(to.blob(StoreKeys.QUANTISATION).orElseThrow());
        assertEquals(choice.toString(), errors.parts());
        assertEquals(choice.toString(), to.provenance().notes().get("quantised"));
        ModelSpec spec = from.spec();
        assertEquals(spec.layers(), errors.output().size());
        for (int layer = 0; layer < spec.layers(); layer++) {
          BundleDecoder want = decoder(from, layer, arena);
          BundleDecoder got = decoder(to, layer, arena);
          assertError(want::down, got::down, spec, errors.down().get(layer), atMost);
          assertError(want::up, got::up, spec, errors.up().isEmpty() ? 0 : errors.up().get(layer),
              0.01);
          assertError(want::inner, got::inner, spec,
              errors.gate().isEmpty() ? 0 : errors.gate().get(layer), 0.12);
          assertTrue(errors.output().get(layer) < 3 * atMost, "output " + errors.output());
          assertTrue(errors.output().get(layer) > 0);
        }
      }
    }
  }

  /** Resident matrices move by the error told, and nothing else moves. */
  @ParameterizedTest
  @CsvSource({"llama-relu,attention=q4_0,embed,0.11",
    "llama-relu,attention=q8_0;head=q4_1,embed,0.10",
    "arcee-relu,head=q8_0;attention=q4_0;down=q4_0,head,0.11"})
  void attentionAndHeadInFewerBits(String model, String parts, String head, double atMost) {
    Path from = folder.resolve(model + parts.hashCode() + ".sluice");
    Path firings = folder.resolve(model + parts.hashCode() + ".trace");
    Importer.importCheckpoint(
        Path.of(System.getProperty("sluice.root")).resolve("fixtures/hf").resolve(model), from,
        StoreWriter.Options.DEFAULT, (d, t) -> {});
    Path target = folder.resolve("resident-" + model + parts.hashCode() + ".sluice");
    Requantisation choice = Requantisation.parse(List.of(parts.split(";")));
    try (Store store = Store.open(from)) {
      writeTrace(firings, store, store.digest(), "dense");
      try (TraceReader reader = TraceReader.open(firings)) {
        Bundler.bundle(store, reader, firings,
            new Bundler.Request(target, StoreWriter.Options.DEFAULT, Order.named("random", 3), CETT,
                Bundler.FittedTo.ALL, List.of(), 0.99, 3, choice),
            (d, t) -> {});
      }
      try (Store made = Store.open(target); Arena arena = Arena.ofConfined()) {
        ResidentTensors want = new ResidentTensors(store, store.loadDense(arena));
        ResidentTensors got = new ResidentTensors(made, made.loadDense(arena));
        QuantisationErrors errors =
            QuantisationErrors.decode(made.blob(StoreKeys.QUANTISATION).orElseThrow());
        assertEquals(choice.toString(), made.provenance().notes().get("quantised"));
        for (int layer = 0; layer < store.spec().layers(); layer++) {
          String prefix = "layers." + layer + ".attention.";
          double told = errors.attention().get(layer);
          assertEquals(told, difference(want, got, prefix), 1e-6);
          assertTrue(told > 0 && told <= atMost, "attention " + told);
          if (choice.down().isEmpty()) {
            MemorySegment before = StoredLayer.read(store, layer, arena).bundles();
            assertEquals(-1, before.mismatch(StoredLayer.read(made, layer, arena).bundles()));
          }
        }
        assertEquals(choice.head().isPresent() ? 1 : 0, errors.head().size());
        errors.head().forEach(told -> {
          assertEquals(told, difference(want, got, head), 1e-6);
          assertTrue(told > 0 && told <= atMost, "head " + told);
        });
        for (DenseTensor tensor : want.all()) {
          boolean anew = tensor.name().matches("layers.*attention.[qkvo].weight")
              || choice.head().isPresent() && tensor.name().equals(head);
          assertEquals(anew, choice.ofMatrix(tensor, store.spec()).isPresent());
          if (!anew && !tensor.name().contains(".down.")) {
            assertEquals(-1, want.bytes(tensor.name()).mismatch(got.bytes(tensor.name())),
                tensor.name());
          }
        }
      }
    }
  }

  /** Of the matrices whose names begin so, together. */
  private static double difference(ResidentTensors want, ResidentTensors got, String prefix) {
    double errors = 0;
    double squares = 0;
    for (DenseTensor tensor : want.all()) {
      if (tensor.name().startsWith(prefix) && tensor.shape().size() == 2) {
        float[] a = want.floats(tensor.name());
        float[] b = got.floats(tensor.name());
        for (int i = 0; i < a.length; i++) {
          errors += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
          squares += (double) a[i] * a[i];
        }
      }
    }
    return Math.sqrt(errors / squares);
  }

  private interface Row {
    void read(int neuron, float[] target, int at);
  }

  private static void assertError(Row want, Row got, ModelSpec spec, double told, double atMost) {
    float[] a = new float[spec.hidden()];
    float[] b = new float[spec.hidden()];
    double errors = 0;
    double squares = 0;
    for (int i = 0; i < spec.feedForward(); i++) {
      want.read(i, a, 0);
      got.read(i, b, 0);
      for (int j = 0; j < a.length; j++) {
        errors += ((double) a[j] - b[j]) * ((double) a[j] - b[j]);
        squares += (double) a[j] * a[j];
      }
    }
    assertEquals(told, Math.sqrt(errors / squares), 1e-6);
    assertTrue(told <= atMost, told + " of " + atMost);
  }

  private static BundleDecoder decoder(Store store, int layer, Arena arena) {
    ResidentTensors resident = new ResidentTensors(store, store.loadDense(arena));
    String prefix = "layers." + layer + ".ffn.down.";
    return new BundleDecoder(store.spec(), StoredLayer.read(store, layer, arena).bundles(),
        resident.bytes(BundleFormat.gateTensor(layer)),
        resident.floats(prefix + "scales"), resident.floats(prefix + "mins"));
  }

  @Test
  void aTraceOfAnotherStoreIsRefusedByName() {
    Path foreign = folder.resolve("foreign.trace");
    try (Store store = Store.open(imported)) {
      writeTrace(foreign, store, "another store", "dense");
    }
    Path target = folder.resolve("refused.sluice");
    BadInputException error =
        assertThrows(
            BadInputException.class,
            () -> bundle(foreign, target, "ripple", CETT, List.of(), (d, t) -> {}));
    assertTrue(error.getMessage().startsWith(foreign.toString()), error.getMessage());
    assertFalse(Files.exists(target));
  }

  @Test
  void aTraceOfASparseRunHasNoThresholdsToGive() {
    Path sparse = folder.resolve("sparse.trace");
    try (Store store = Store.open(imported)) {
      writeTrace(sparse, store, store.digest(), "oracle, output at CETT 0.1");
    }
    assertThrows(
        BadInputException.class,
        () -> bundle(
            sparse, folder.resolve("no.sluice"), "ripple", CETT, List.of(), (d, t) -> {}));
    Path target = folder.resolve("sparse.sluice");
    bundle(sparse, target, "ripple", 0, List.of(), (d, t) -> {});
    assertTrue(Files.exists(target), "with CETT 0 all that fired counts");
  }

  @Test
  void anInterruptedBundleLeavesNothing() throws IOException {
    Path own = Files.createDirectory(folder.resolve("own"));
    ProgressListener stopping =
        (done, total) -> {
          if (done == 1) {
            throw new IllegalStateException("stopped");
          }
        };
    assertThrows(
        IllegalStateException.class,
        () -> bundle(trace, own.resolve("b.sluice"), "ripple", CETT, List.of(4), stopping));
    try (Stream<Path> left = Files.list(own)) {
      assertEquals(List.of(), left.toList());
    }
  }
}
