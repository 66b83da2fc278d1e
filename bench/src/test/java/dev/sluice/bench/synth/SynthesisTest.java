package dev.sluice.bench.synth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bench.synth.TinyGguf.Info;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Existing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Files of a small shape: their form, their determinism and what really happens in them. */
final class SynthesisTest {
  private static final ModelShape TINY =
      new ModelShape(ModelShape.Ffn.RELU2, 64, 96, 2, 4, 2, 32, 1024, 512);
  private static final ModelShape SMALL =
      new ModelShape(ModelShape.Ffn.RELU2, 256, 1024, 3, 2, 1, 128, 4096, 512);

  @TempDir
  private Path folder;

  private Path write(Synthesis synthesis, String name, int threads) {
    Path file = folder.resolve(name);
    try (Workers workers = new Workers(threads)) {
      synthesis.write(file, Existing.REFUSE, workers, Progress.SILENT);
    }
    return file;
  }

  private Measurement measured(Synthesis synthesis, int layers) {
    Path file = write(synthesis, "model.gguf", 2);
    try (Workers workers = new Workers(2)) {
      return Measurement.of(synthesis, file, layers, workers, Progress.SILENT);
    }
  }

  @Test
  void sameSeedSameBytesOnAnyNumberOfThreads() throws IOException {
    Path one = write(new Synthesis(TINY, Profile.OPT_6_7B, 7), "one.gguf", 1);
    Path two = write(new Synthesis(TINY, Profile.OPT_6_7B, 7), "two.gguf", 3);
    Path other = write(new Synthesis(TINY, Profile.OPT_6_7B, 8), "other.gguf", 1);
    assertEquals(-1, Files.mismatch(one, two));
    assertEquals(
        -1, Files.mismatch(Synthesis.tokensFile(one), Synthesis.tokensFile(two)));
    assertNotEquals(-1, Files.mismatch(one, other));
  }

  @ParameterizedTest
  @EnumSource(ModelShape.Ffn.class)
  void fileIsWholeGguf(ModelShape.Ffn ffn) throws IOException {
    ModelShape shape = ffn == ModelShape.Ffn.SWIGLU ? TINY.swigluSibling() : TINY;
    TinyGguf gguf =
        new TinyGguf(write(new Synthesis(shape, Profile.OPT_6_7B, 1), "model.gguf", 2));

    String architecture = ffn == ModelShape.Ffn.SWIGLU ? "llama" : "arcee";
    Map<String, Object> metadata = gguf.metadata;
    assertEquals(architecture, metadata.get("general.architecture"));
    assertEquals(2, metadata.get(architecture + ".block_count"));
    assertEquals(2, metadata.get(architecture + ".attention.head_count_kv"));
    assertEquals(32, metadata.get(architecture + ".rope.dimension_count"));
    assertEquals(1e-5f, metadata.get(architecture + ".attention.layer_norm_rms_epsilon"));

    long end = -1;
    for (Map.Entry<String, Info> tensor : gguf.tensors.entrySet()) {
      Info info = tensor.getValue();
      assertEquals(0, info.begin() % 32, tensor.getKey());
      assertTrue(end < 0 || (info.begin() >= end && info.begin() < end + 32), tensor.getKey());
      end = info.begin() + info.bytes();
    }
    assertEquals((end + 31) / 32 * 32, gguf.length());

    Set<String> expected = new HashSet<>(
        List.of("token_embd.weight", "output_norm.weight", "output.weight"));
    for (int layer = 0; layer < 2; layer++) {
      for (String part : List.of("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output",
          "ffn_norm", "ffn_up", "ffn_down")) {
        expected.add("blk." + layer + "." + part + ".weight");
      }
      if (ffn == ModelShape.Ffn.SWIGLU) {
        expected.add("blk." + layer + ".ffn_gate.weight");
      }
    }
    assertEquals(expected, gguf.tensors.keySet());
    assertEquals(List.of(64L, 1024L), dimensions(gguf, "token_embd.weight"));
    assertEquals(List.of(64L, 64L), dimensions(gguf, "blk.1.attn_k.weight"));
    assertEquals(List.of(128L, 64L), dimensions(gguf, "blk.1.attn_output.weight"));
    assertEquals(List.of((long) shape.feedForward(), 64L),
        dimensions(gguf, "blk.0.ffn_down.weight"));
    for (double weight : gguf.row("blk.0.ffn_norm.weight", 0)) {
      assertEquals(1, weight);
    }
  }

  private static List<Long> dimensions(TinyGguf gguf, String tensor) {
    return Arrays.stream(gguf.tensors.get(tensor).dimensions()).boxed().toList();
  }

  @Test
  void siblingHasAsManyParameters() throws IOException {
    long relu2 = new Synthesis(SMALL, Profile.OPT_6_7B, 1).fileBytes();
    long swiglu = new Synthesis(SMALL.swigluSibling(), Profile.OPT_6_7B, 1).fileBytes();
    assertEquals(1, (double) swiglu / relu2, 0.01);
    assertEquals(12288, ModelShape.AFM_4_5B.swigluSibling().feedForward());
  }

  @Test
  void everyTokenCanBeReachedByMerges() throws IOException {
    TinyGguf gguf =
        new TinyGguf(write(new Synthesis(TINY, Profile.OPT_6_7B, 1), "model.gguf", 2));
    List<?> tokens = (List<?>) gguf.metadata.get("tokenizer.ggml.tokens");
    Set<Object> distinct = new HashSet<>(tokens);
    assertEquals(1024, distinct.size());
    Set<Object> reached = new HashSet<>(tokens.subList(0, 256));
    for (Object merge : (List<?>) gguf.metadata.get("tokenizer.ggml.merges")) {
      String[] sides = ((String) merge).split(" ");
      assertTrue(reached.contains(sides[0]) && reached.contains(sides[1]), (String) merge);
      reached.add(sides[0] + sides[1]);
    }
    reached.add(tokens.get((int) gguf.metadata.get("tokenizer.ggml.eos_token_id")));
    assertEquals(distinct, reached);
  }

  @Test
  void tokenListsLieBesideTheModel() throws IOException {
    Path file = write(new Synthesis(TINY, Profile.OPT_6_7B, 1), "model.gguf", 2);
    JsonNode root = JsonMapper.shared().readTree(
        Files.readAllBytes(folder.resolve("model.tokens.json")));
    assertEquals(folder.resolve("model.tokens.json"), Synthesis.tokensFile(file));
    assertEquals(Synthesis.LABEL, root.path("about").asString());
    assertEquals(Synthesis.CALIBRATION_TOKENS, root.path("calibration_ids").size());
    assertEquals(Synthesis.LISTS, root.path("lists").size());
    for (JsonNode list : root.path("lists")) {
      assertEquals(128, list.path("prompt_ids").size());
      assertEquals(256, list.path("continuation_ids").size());
      for (JsonNode id : list.path("continuation_ids")) {
        assertTrue(id.asInt() >= 0 && id.asInt() < 1023, id.toString());
      }
    }
  }

  /** Tolerances are three times and more what small layers and few tokens scatter by over seeds. */
  @Test
  void optProfileIsWhatTheFileDoes() {
    ActivityStatistics achieved =
        measured(new Synthesis(SMALL, Profile.OPT_6_7B, 1), SMALL.layers()).achieved();
    assertEquals(0.10, achieved.activeShare(), 0.01);
    assertEquals(0.024, achieved.newShare(), 0.003);
    assertEquals(0.26, achieved.hotShare(), 0.025);
    assertEquals(1.06, achieved.runInCheckpointOrder(), 0.02);
    assertEquals(3.12, achieved.runInRippleOrder(), 0.3);
  }

  @Test
  void twinProfileIsWhatTheFileDoes() {
    ActivityStatistics target = Profile.TWIN.target();
    ActivityStatistics achieved =
        measured(new Synthesis(SMALL, Profile.TWIN, 2), 2).achieved();
    assertEquals(target.activeShare(), achieved.activeShare(), 0.01);
    assertEquals(target.newShare(), achieved.newShare(), 0.005);
    assertEquals(target.hotShare(), achieved.hotShare(), 0.03);
    assertEquals(target.runInCheckpointOrder(), achieved.runInCheckpointOrder(), 0.02);
    assertEquals(target.runInRippleOrder(), achieved.runInRippleOrder(), 0.15);
  }

  @Test
  void halfOfTheSiblingsGatesAreOpen() {
    ActivityStatistics achieved =
        measured(new Synthesis(SMALL.swigluSibling(), Profile.OPT_6_7B, 1), 2).achieved();
    assertEquals(0.5, achieved.activeShare(), 0.03);
  }

  /** The first token of a text attends to itself only, so its layers are a few products that can be done by hand. */
  @Test
  void activityIsThatOfTheWeightsInTheFile() throws IOException {
    Synthesis synthesis = new Synthesis(TINY, Profile.OPT_6_7B, 3);
    Path file = write(synthesis, "model.gguf", 2);
    int token = 77;
    List<Activity> activities;
    try (Workers workers = new Workers(2);
        PlantedForward forward = new PlantedForward(file, synthesis.model(), workers)) {
      activities = forward.run(new int[][] {{token}}, 2, Progress.SILENT);
    }
    TinyGguf gguf = new TinyGguf(file);
    double[] x = gguf.row("token_embd.weight", token);
    int firings = 0;
    for (int layer = 0; layer < 2; layer++) {
      String block = "blk." + layer + ".";
      double[] value = gguf.times(block + "attn_v.weight", normed(x));
      double[] heads = new double[4 * 32];
      for (int i = 0; i < heads.length; i++) {
        heads[i] = value[i / 32 / 2 * 32 + i % 32];
      }
      add(x, gguf.times(block + "attn_output.weight", heads));
      double[] h = gguf.times(block + "ffn_up.weight", normed(x));
      for (int i = 0; i < h.length; i++) {
        boolean fires = (activities.get(layer).word(0, i >>> 6) >>> i & 1) != 0;
        assertEquals(h[i] > 0, fires, "layer " + layer + ", neuron " + i + ", " + h[i]);
        firings += fires ? 1 : 0;
        h[i] = Math.max(0, h[i]) * Math.max(0, h[i]);
      }
      add(x, gguf.times(block + "ffn_down.weight", h));
    }
    assertTrue(firings > 0 && firings < 192, firings + " firings");
  }

  private static double[] normed(double[] x) {
    double square = 0;
    for (double v : x) {
      square += v * v;
    }
    double[] normed = x.clone();
    for (int j = 0; j < x.length; j++) {
      normed[j] /= Math.sqrt(square / x.length + 1e-5);
    }
    return normed;
  }

  private static void add(double[] x, double[] y) {
    for (int j = 0; j < x.length; j++) {
      x[j] += y[j];
    }
  }

  @Test
  void anExistingFileIsLeftAloneUnlessForced() throws IOException {
    Path file = Files.writeString(folder.resolve("model.gguf"), "mine");
    Synthesis synthesis = new Synthesis(TINY, Profile.OPT_6_7B, 1);
    assertThrows(BadInputException.class, () -> write(synthesis, "model.gguf", 1));
    assertEquals("mine", Files.readString(file));
    try (Workers workers = new Workers(1)) {
      synthesis.write(file, Existing.REPLACE, workers, Progress.SILENT);
    }
    assertEquals(synthesis.fileBytes(), Files.size(file));
  }

  @Test
  void aFileOfOtherOptionsIsNotMeasured() {
    Path file = write(new Synthesis(TINY, Profile.OPT_6_7B, 1), "model.gguf", 1);
    Synthesis other = new Synthesis(TINY, Profile.TWIN, 1);
    try (Workers workers = new Workers(1)) {
      assertThrows(
          BadInputException.class,
          () -> Measurement.of(other, file, 1, workers, Progress.SILENT));
    }
  }

  @Test
  void aFailedWriteLeavesNothing() throws IOException {
    Path file = folder.resolve("model.gguf");
    GgufHeader header = new Synthesis(TINY, Profile.OPT_6_7B, 1).model().header();
    try (Workers workers = new Workers(2)) {
      GgufWriter writer = new GgufWriter(workers, Progress.SILENT);
      assertThrows(
          ArithmeticException.class,
          () -> writer.write(
              file, Existing.REFUSE, header,
              (tensor, first, end, target) -> {
                throw new ArithmeticException("no such row");
              }));
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(), left.toList());
    }
  }
}
