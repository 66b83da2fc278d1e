package dev.sluice.bundler.importer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.checkpoint.Checkpoint;
import dev.sluice.bundler.checkpoint.CheckpointFolder;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.tensor.Floats;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImporterTest {
  private static final Path ROOT = Path.of(System.getProperty("sluice.root"));

  /** Canonical name without its layer → what follows {@code model.layers.N.} in Llama's naming. */
  private static final Map<String, String> LAYER_NAMES =
      Map.of(
          "attention.norm.weight", "input_layernorm.weight",
          "attention.q.weight", "self_attn.q_proj.weight",
          "attention.k.weight", "self_attn.k_proj.weight",
          "attention.v.weight", "self_attn.v_proj.weight",
          "attention.o.weight", "self_attn.o_proj.weight",
          "ffn.norm.weight", "post_attention_layernorm.weight");

  private static final Map<String, String> OTHER_NAMES =
      Map.of(
          "embed", "model.embed_tokens.weight",
          "norm.weight", "model.norm.weight",
          "head", "lm_head.weight");

  @TempDir
  Path folder;

  @ParameterizedTest
  @CsvSource({
    "models/relu2, RELU2, UNGATED, TIED, NONE",
    "models/relu, RELU, UNGATED, TIED, NONE",
    "models/swiglu, SILU, GATED, TIED, NONE",
    "models/reglu, RELU, GATED, TIED, NONE",
    "fixtures/hf/arcee-relu, RELU, UNGATED, SEPARATE, NONE",
    "fixtures/hf/arcee-relu2, RELU2, UNGATED, TIED, NONE",
    "fixtures/hf/llama-silu, SILU, GATED, SEPARATE, NONE",
    "fixtures/hf/llama-relu, RELU, GATED, TIED, NONE",
    "fixtures/hf/llama-llama3rope, SILU, GATED, SEPARATE, LLAMA3"
  })
  void aStoreHoldsTheCheckpointBitForBit(
      String name, Activation activation, FfnForm form, HeadKind head, ScalingKind scaling)
      throws IOException {
    Path checkpoint = ROOT.resolve(name);
    Path target = folder.resolve("a.sluice");
    ImportReport report =
        Importer.importCheckpoint(
            checkpoint, target, StoreWriter.Options.DEFAULT, ProgressListener.SILENT);
    assertEquals(List.of(), report.ignoredTensors());
    try (Store store = Store.open(target)) {
      ModelSpec spec = store.spec();
      assertEquals(report.spec(), spec);
      assertEquals(activation, spec.activation());
      assertEquals(form, spec.form());
      assertEquals(head, spec.head());
      assertEquals(scaling, spec.rope().scaling().kind());
      assertEquals(checkpoint.toAbsolutePath().normalize().toString(), store.provenance().source());
      assertEquals("identity", store.provenance().order());
      assertEquals(64, store.provenance().notes().get("config_sha256").length());
      Path tokenizer = checkpoint.resolve("tokenizer.json");
      assertEquals(Files.exists(tokenizer), store.tokenizerJson().isPresent());
      if (Files.exists(tokenizer)) {
        assertArrayEquals(Files.readAllBytes(tokenizer), store.tokenizerJson().orElseThrow());
      }
      RawCheckpoint raw = new RawCheckpoint(checkpoint);
      checkDense(store, raw);
      checkBundles(store, raw);
      store.verify(ProgressListener.SILENT);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "FILE, BUNDLED, 0",
    "FILE, BUNDLED, 4096",
    "FILE, SPLIT, 0",
    "FILE, SPLIT, 12288",
    "LMDB, BUNDLED, 0",
    "LMDB, SPLIT, 0"
  })
  void everyLayoutHoldsTheSameBundles(Container container, Arrangement arrangement, int strideBytes)
      throws IOException {
    for (String name : List.of("fixtures/hf/arcee-relu2", "fixtures/hf/llama-silu")) {
      Path target = folder.resolve("b.sluice");
      StoreWriter.Options options =
          new StoreWriter.Options(container, arrangement, strideBytes, Existing.REPLACE);
      Importer.importCheckpoint(ROOT.resolve(name), target, options, ProgressListener.SILENT);
      try (Store store = Store.open(target)) {
        assertEquals(container, store.ffn().container());
        assertEquals(arrangement, store.ffn().arrangement());
        checkBundles(store, new RawCheckpoint(ROOT.resolve(name)));
      }
    }
  }

  private static void checkDense(Store store, RawCheckpoint raw) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dense = store.loadDense(arena);
      for (DenseTensor tensor : store.denseTensors()) {
        String source = OTHER_NAMES.get(tensor.name());
        if (source == null) {
          String[] parts = tensor.name().split("\\.", 3);
          source = "model.layers." + parts[1] + "." + LAYER_NAMES.get(parts[2]);
        }
        assertEquals(raw.dtype(source), tensor.type().name());
        assertArrayEquals(
            raw.bytes(source),
            dense.asSlice(tensor.offsetBytes(), tensor.bytes()).toArray(ValueLayout.JAVA_BYTE),
            tensor.name());
      }
    }
    int ffnTensors = store.spec().layers() * store.spec().rowsPerNeuron();
    assertEquals(raw.tensors() - ffnTensors, store.denseTensors().size());
  }

  private static void checkBundles(Store store, RawCheckpoint raw) throws IOException {
    ModelSpec spec = store.spec();
    int elementBytes = (int) spec.bundle().up().bytes(1);
    int[] identity = IntStream.range(0, spec.feedForward()).toArray();
    List<Integer> neurons = new ArrayList<>(List.of(0, 1, spec.feedForward() - 1));
    new Random(5).ints(10, 0, spec.feedForward()).forEach(neurons::add);
    try (RandomAccessFile file = new RandomAccessFile(store.ffn().file().toFile(), "r")) {
      for (int layer = 0; layer < spec.layers(); layer++) {
        assertArrayEquals(identity, store.order(layer));
        for (int neuron : neurons) {
          byte[] bundle = new byte[spec.bundleBytes()];
          for (FfnLayout.Part part : store.ffn().layers().get(layer)) {
            file.seek(part.offsetBytes(neuron));
            file.readFully(bundle, part.offsetInBundleBytes(), part.bytes());
          }
          assertArrayEquals(
              raw.bundle(layer, neuron, spec.hidden(), spec.feedForward(), elementBytes),
              bundle,
              "layer " + layer + ", neuron " + neuron);
        }
      }
    }
  }

  /** Nemotron's norms lack their 1, OPT's positions begin with two that nothing uses; nothing else changes. */
  @Test
  void normsRelativeToOneAndUnusedPositionsAreTheOnlyChanges() throws IOException {
    Path target = folder.resolve("a.sluice");
    RawCheckpoint nemotron = new RawCheckpoint(ROOT.resolve("fixtures/hf/nemotron"));
    Importer.importCheckpoint(
        ROOT.resolve("fixtures/hf/nemotron"), target, options(Existing.REFUSE),
        ProgressListener.SILENT);
    float[] relative = Floats.fromBytes(nemotron.bytes("model.layers.1.input_layernorm.weight"));
    float[] absolute = Floats.fromBytes(stored(target, "layers.1.attention.norm.weight"));
    for (int i = 0; i < relative.length; i++) {
      assertEquals(relative[i] + 1, absolute[i]);
    }
    for (String[] names : new String[][] {
      {"model.layers.1.input_layernorm.bias", "layers.1.attention.norm.bias"},
      {"model.layers.2.self_attn.q_proj.weight", "layers.2.attention.q.weight"}
    }) {
      assertArrayEquals(nemotron.bytes(names[0]), stored(target, names[1]), names[1]);
    }
    RawCheckpoint opt = new RawCheckpoint(ROOT.resolve("fixtures/hf/opt"));
    Importer.importCheckpoint(
        ROOT.resolve("fixtures/hf/opt"), target, options(Existing.REPLACE),
        ProgressListener.SILENT);
    byte[] all = opt.bytes("model.decoder.embed_positions.weight");
    assertArrayEquals(
        Arrays.copyOfRange(all, 2 * 64 * Float.BYTES, all.length), stored(target, "positions"));
    assertArrayEquals(
        opt.bytes("model.decoder.layers.0.fc1.bias"), stored(target, "layers.0.ffn.up.bias"));
  }

  private static byte[] stored(Path folder, String name) {
    try (Store store = Store.open(folder);
        Arena arena = Arena.ofConfined()) {
      DenseTensor tensor =
          store.denseTensors().stream()
              .filter(one -> one.name().equals(name))
              .findFirst()
              .orElseThrow();
      return store
          .loadDense(arena)
          .asSlice(tensor.offsetBytes(), tensor.bytes())
          .toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Test
  void progressRisesToItsTotal() throws IOException {
    List<Long> heard = new ArrayList<>();
    List<Long> totals = new ArrayList<>();
    ImportReport report =
        Importer.importCheckpoint(
            ROOT.resolve("fixtures/hf/llama-silu"),
            folder.resolve("a.sluice"),
            StoreWriter.Options.DEFAULT,
            (done, total) -> {
              heard.add(done);
              totals.add(total);
            });
    assertEquals(heard.stream().sorted().toList(), heard);
    assertEquals(report.denseBytes() + report.ffnBytes(), heard.getLast());
    assertEquals(List.of(heard.getLast()), totals.stream().distinct().toList());
  }

  @Test
  void aWeightThatIsNotFiniteLeavesNothingBehind() throws IOException {
    Path broken = folder.resolve("broken");
    CheckpointFolder source = CheckpointFolder.llama();
    byte[] down = source.tensors.get("model.layers.1.mlp.down_proj.weight").data();
    down[down.length - 1] = 0x7c;
    source.write(broken);
    String message = refusal(broken, Existing.REFUSE);
    assertTrue(message.contains("model.layers.1.mlp.down_proj.weight"), message);
    assertEquals(List.of("broken"), entries());
  }

  @Test
  void aTokenizerThatDoesNotFitLeavesNothingBehind() throws IOException {
    Path broken = CheckpointFolder.llama().write(folder.resolve("broken"));
    Files.writeString(broken.resolve("tokenizer.json"), "{\"model\":{\"type\":\"Unigram\"}}");
    String message = refusal(broken, Existing.REFUSE);
    assertTrue(message.contains("tokenizer.json"), message);
    assertEquals(List.of("broken"), entries());
  }

  @Test
  void whoeverChecksTheTokenizerCanEndTheImport() throws IOException {
    Path sound = CheckpointFolder.llama().write(folder.resolve("sound"));
    String json = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}}";
    Files.writeString(sound.resolve("tokenizer.json"), json);
    Path target = folder.resolve("a.sluice");
    Importer.importCheckpoint(sound, target, options(Existing.REFUSE), ProgressListener.SILENT);
    String digest = digest(target);
    BadInputException useless = new BadInputException(sound, "its tokenizer is useless", "stop");
    List<String> seen = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoint.open(sound)) {
      assertSame(
          useless,
          assertThrows(
              BadInputException.class,
              () -> Importer.importCheckpoint(
                  checkpoint,
                  target,
                  options(Existing.REPLACE),
                  bytes -> {
                    seen.add(new String(bytes, StandardCharsets.UTF_8));
                    throw useless;
                  },
                  ProgressListener.SILENT,
                  notice -> {})));
    }
    assertEquals(List.of(json), seen);
    assertEquals(digest, digest(target));
    assertEquals(List.of("a.sluice", "sound"), entries());
  }

  @Test
  void aFailureWhileReplacingKeepsTheOldStore() throws IOException {
    Path sound = CheckpointFolder.arcee().write(folder.resolve("sound"));
    Path target = folder.resolve("a.sluice");
    Importer.importCheckpoint(sound, target, StoreWriter.Options.DEFAULT, ProgressListener.SILENT);
    String digest = digest(target);
    String refused = refusal(sound, Existing.REFUSE);
    assertTrue(refused.contains("a.sluice"), refused);
    CheckpointFolder other = CheckpointFolder.llama();
    other.tensors.get("model.layers.1.mlp.up_proj.weight").data()[1] = 0x7f;
    refusal(other.write(folder.resolve("broken")), Existing.REPLACE);
    assertEquals(digest, digest(target));
    IllegalStateException stopped = new IllegalStateException("the listener gave up");
    assertEquals(
        stopped,
        assertThrows(
            IllegalStateException.class,
            () -> Importer.importCheckpoint(
                sound,
                target,
                options(Existing.REPLACE),
                (done, total) -> {
                  throw stopped;
                })));
    assertEquals(digest, digest(target));
    assertEquals(List.of("a.sluice", "broken", "sound"), entries());
  }

  @Test
  void aStoreOfTheSameCheckpointHasTheSameDigest() throws IOException {
    Path sound = CheckpointFolder.llama().writeShards(folder.resolve("sound"));
    List<String> digests = new ArrayList<>();
    for (String name : List.of("a.sluice", "b.sluice")) {
      Importer.importCheckpoint(
          sound, folder.resolve(name), options(Existing.REFUSE), ProgressListener.SILENT);
      digests.add(digest(folder.resolve(name)));
    }
    assertEquals(digests.get(0), digests.get(1));
  }

  @Test
  void theCheckpointItselfIsNeverReplaced() throws IOException {
    Path sound = CheckpointFolder.llama().write(folder.resolve("deep/sound"));
    for (Path target : List.of(sound, sound.getParent(), folder.resolve("deep/x/../sound"))) {
      Files.createDirectories(folder.resolve("deep/x"));
      assertThrows(
          BadInputException.class,
          () -> Importer.importCheckpoint(
              sound, target, options(Existing.REPLACE), ProgressListener.SILENT));
    }
    assertTrue(Files.exists(sound.resolve("config.json")));
  }

  private String refusal(Path checkpoint, Existing existing) {
    return assertThrows(
        BadInputException.class,
        () -> Importer.importCheckpoint(
            checkpoint,
            folder.resolve("a.sluice"),
            options(existing),
            ProgressListener.SILENT))
        .getMessage();
  }

  private static StoreWriter.Options options(Existing existing) {
    return new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, existing);
  }

  private static String digest(Path store) {
    try (Store opened = Store.open(store)) {
      return opened.digest();
    }
  }

  /** What lies in the scratch folder, hidden files too. */
  private List<String> entries() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
