package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.checkpoint.CheckpointFolder.Entry;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
  private static final String UP = "model.layers.1.mlp.up_proj.weight";
  private static final String DOWN = "model.layers.1.mlp.down_proj.weight";

  @TempDir
  Path folder;

  @Test
  void readsEveryTensorOfAWholeCheckpoint() throws IOException {
    CheckpointFolder source = CheckpointFolder.llama();
    checkAgainst(source, source.write(folder));
  }

  @Test
  void readsShardsAsIfTheyWereWhole() throws IOException {
    CheckpointFolder source = CheckpointFolder.arcee();
    checkAgainst(source, source.writeShards(folder));
  }

  private static void checkAgainst(CheckpointFolder source, Path folder) {
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        Arena arena = Arena.ofConfined()) {
      assertEquals(BundleFormat.of(TensorType.F16), checkpoint.spec().bundle());
      assertEquals(List.of(), checkpoint.ignoredTensors());
      assertTrue(checkpoint.tokenizerJson().isEmpty());
      for (DenseWeight weight : checkpoint.dense()) {
        assertArrayEquals(
            source.tensors.get(weight.source()).data(),
            checkpoint.readDense(weight, arena).toArray(ValueLayout.JAVA_BYTE),
            weight.name());
      }
      int gates = checkpoint.spec().rowsPerNeuron() - 2;
      assertEquals(
          source.tensors.size() - CheckpointFolder.LAYERS * (2 + gates), checkpoint.dense().size());
      for (int layer = 0; layer < CheckpointFolder.LAYERS; layer++) {
        FfnWeights ffn = checkpoint.readFfn(layer, arena);
        for (int neuron = 0; neuron < CheckpointFolder.FEED_FORWARD; neuron++) {
          MemorySegment bundle = arena.allocate(checkpoint.spec().bundleBytes());
          ffn.copyBundle(neuron, bundle);
          assertArrayEquals(
              expectedBundle(source, layer, neuron), bundle.toArray(ValueLayout.JAVA_BYTE));
        }
      }
    }
  }

  private static byte[] expectedBundle(CheckpointFolder source, int layer, int neuron) {
    String prefix = "model.layers." + layer + ".mlp.";
    ByteBuffer bundle = ByteBuffer.allocate(3 * 2 * CheckpointFolder.HIDDEN);
    for (String rows : List.of("gate_proj.weight", "up_proj.weight")) {
      Entry entry = source.tensors.get(prefix + rows);
      if (entry != null) {
        bundle.put(entry.data(), neuron * 2 * CheckpointFolder.HIDDEN, 2 * CheckpointFolder.HIDDEN);
      }
    }
    byte[] down = source.tensors.get(prefix + "down_proj.weight").data();
    for (int row = 0; row < CheckpointFolder.HIDDEN; row++) {
      bundle.put(down, (row * CheckpointFolder.FEED_FORWARD + neuron) * 2, 2);
    }
    return Arrays.copyOf(bundle.array(), bundle.position());
  }

  @Test
  void aTensorThatIsMissingOrMisshapenIsNamed() throws IOException {
    for (String name : List.copyOf(CheckpointFolder.llama().tensors.keySet())) {
      CheckpointFolder source = CheckpointFolder.llama();
      Entry entry = source.tensors.remove(name);
      assertTrue(refusal(source).contains("tensor " + name + ":"), name);
      Integer[] flat = {entry.data().length / 2, 1};
      source.half(name, flat);
      String message = refusal(source);
      assertTrue(message.contains("tensor " + name + ": its shape is"), message);
    }
  }

  @Test
  void biasesMustBeWhereTheConfigurationSaysAndNowhereElse() throws IOException {
    CheckpointFolder source = CheckpointFolder.arcee();
    source.config.put("mlp_bias", "true");
    assertTrue(refusal(source).contains("up_proj.bias"));
    for (int layer = 0; layer < CheckpointFolder.LAYERS; layer++) {
      source.half("model.layers." + layer + ".mlp.up_proj.bias", CheckpointFolder.FEED_FORWARD);
      source.half("model.layers." + layer + ".mlp.down_proj.bias", CheckpointFolder.HIDDEN);
    }
    try (Checkpoint checkpoint = Checkpoint.open(source.write(folder))) {
      assertTrue(
          checkpoint.dense().stream().anyMatch(w -> w.name().equals("layers.1.ffn.down.bias")));
    }
    source.config.put("mlp_bias", "false");
    String message = refusal(source);
    assertTrue(message.contains("_proj.bias") && message.contains("mlp_bias"), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.layers.2.mlp.up_proj.weight",
        "model.layers.0.mlp.gate_proj.weight",
        "model.layers.0.self_attn.q_norm.weight",
        "model.layers.0.self_attn.q_proj.weight_scale",
        "model.norm.bias"
      })
  void aWeightTheGraphHasNoPlaceForIsRefused(String name) throws IOException {
    String message = refusal(CheckpointFolder.arcee().half(name, 6, 8));
    assertTrue(message.contains("tensor " + name + ":"), message);
  }

  @Test
  void whatTheGraphDoesNotNeedIsListed() throws IOException {
    CheckpointFolder source = CheckpointFolder.llama();
    String frequencies = "model.layers.0.self_attn.rotary_emb.inv_freq";
    source.tensors.put(frequencies, new Entry("I64", List.of(1), new byte[8]));
    try (Checkpoint checkpoint = Checkpoint.open(source.write(folder))) {
      assertEquals(List.of(frequencies), checkpoint.ignoredTensors());
    }
  }

  @Test
  void aNeededTensorOfAnotherDtypeIsRefused() throws IOException {
    CheckpointFolder source = CheckpointFolder.llama();
    source.tensors.put("model.norm.weight", new Entry("F64", List.of(8), new byte[64]));
    String message = refusal(source);
    assertTrue(message.contains("model.norm.weight") && message.contains("F64"), message);
  }

  @Test
  void mixedFfnDtypesAreRefusedAndMixedDenseOnesAreNot() throws IOException {
    CheckpointFolder source = CheckpointFolder.llama();
    source.tensors.put("model.norm.weight", new Entry("F32", List.of(8), new byte[32]));
    Checkpoint.open(source.write(folder)).close();
    source.tensors.put(DOWN, new Entry("BF16", List.of(8, 6), new byte[96]));
    String message = refusal(source);
    assertTrue(message.contains(DOWN) && message.contains("BF16"), message);
  }

  @Test
  void aTiedHeadMayBePresentOnlyAsACopy() throws IOException {
    CheckpointFolder source = CheckpointFolder.llama();
    Entry embed = source.tensors.get("model.embed_tokens.weight");
    source.tensors.put("lm_head.weight", embed);
    try (Checkpoint checkpoint = Checkpoint.open(source.write(folder))) {
      assertTrue(checkpoint.dense().stream().noneMatch(weight -> weight.name().equals("head")));
      assertEquals(List.of("lm_head.weight"), checkpoint.ignoredTensors());
    }
    byte[] other = embed.data().clone();
    other[other.length - 1] ^= 1;
    source.tensors.put("lm_head.weight", new Entry("F16", embed.shape(), other));
    assertTrue(refusal(source).contains("lm_head.weight"));
    source.config.put("tie_word_embeddings", "false");
    try (Checkpoint checkpoint = Checkpoint.open(source.write(folder))) {
      assertTrue(checkpoint.dense().stream().anyMatch(weight -> weight.name().equals("head")));
    }
    source.tensors.remove("lm_head.weight");
    assertTrue(refusal(source).contains("lm_head.weight"));
  }

  @ParameterizedTest
  @ValueSource(shorts = {0x7c00, (short) 0xfc00, 0x7e00, (short) 0xffff})
  void weightsThatAreNotFiniteAreRefusedByTensorAndIndex(short bits) throws IOException {
    for (String name : List.of(UP, DOWN, "model.norm.weight")) {
      CheckpointFolder source = CheckpointFolder.arcee();
      ByteBuffer.wrap(source.tensors.get(name).data())
          .order(ByteOrder.LITTLE_ENDIAN)
          .putShort(2 * 5, bits);
      String message =
          assertThrows(BadInputException.class, () -> readAll(source.write(folder))).getMessage();
      assertTrue(message.contains("tensor " + name) && message.contains("element 5 "), message);
    }
  }

  @Test
  void brokenShardsAreRefusedByName() throws IOException {
    CheckpointFolder source = CheckpointFolder.llama();
    source.writeShards(folder);
    byte[] second = Files.readAllBytes(folder.resolve(CheckpointFolder.shardName(1)));
    Files.delete(folder.resolve(CheckpointFolder.shardName(1)));
    assertTrue(openRefusal().contains(CheckpointFolder.shardName(1) + ": this shard is missing"));
    Files.write(folder.resolve(CheckpointFolder.shardName(1)), Arrays.copyOf(second, 300));
    assertTrue(openRefusal().contains(CheckpointFolder.shardName(1)));
    Files.copy(folder.resolve(CheckpointFolder.shardName(0)), folder.resolve("twice.safetensors"));
    Files.write(folder.resolve(CheckpointFolder.shardName(1)), second);
    String first = source.tensors.keySet().iterator().next();
    CheckpointFolder.writeIndex(
        folder, "\"" + first + "\":\"" + CheckpointFolder.shardName(1) + "\"");
    String message = openRefusal();
    assertTrue(message.contains("tensor " + first) && message.contains("lacks"), message);
    CheckpointFolder.writeIndex(
        folder,
        "\"%s\":\"%s\",\"x\":\"twice.safetensors\""
            .formatted(first, CheckpointFolder.shardName(0)));
    assertTrue(openRefusal().contains("as well"));
    for (String json : List.of("{}", "[]", "{\"weight_map\":{}}", "{\"weight_map\":7}", "{", "")) {
      Files.writeString(folder.resolve("model.safetensors.index.json"), json);
      assertTrue(openRefusal().contains("index.json"), json);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../model.safetensors",
        "/etc/passwd",
        "..",
        "a/b.safetensors",
        "a\\\\b.safetensors",
        "a.bin",
        "",
        "a\\u0000.safetensors",
        "\\u00e9.safetensors"
      })
  void shardNamesThatLeadElsewhereAreRefused(String shard) throws IOException {
    CheckpointFolder.llama().writeShards(folder);
    CheckpointFolder.writeIndex(folder, "\"a\":\"" + shard + "\"");
    String message = openRefusal();
    assertTrue(message.contains("index.json") && message.contains("plain name"), message);
  }

  @Test
  void foldersWithoutTheirFilesAreRefused() throws IOException {
    assertTrue(openRefusal().contains("config.json"));
    CheckpointFolder.llama().writeConfig(folder);
    assertTrue(openRefusal().contains("model.safetensors"));
    String message =
        assertThrows(BadInputException.class, () -> Checkpoint.open(folder.resolve("config.json")))
            .getMessage();
    assertTrue(message.contains("a folder that holds config.json"), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{}",
        "{\"model\":7}",
        "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0.5]]}}",
        "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}",
        "{\"model\":{\"vocab\":{\"a\":0}}}",
        "{\"model\":{\"type\":\"BPE\"}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":10}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1.0}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":99999999999}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":[[]]}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,\"b\":1}}}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,\"a\":2}}}",
        "{\"added_tokens\":[{\"id\":10,\"content\":\"x\"}],"
            + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}}",
        "{\"added_tokens\":[{\"id\":1,\"content\":\"x\"}],"
            + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}}",
        "{\"added_tokens\":[{\"id\":2,\"content\":\"a\"}],"
            + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}}",
        "{\"added_tokens\":[{\"id\":2}],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}}",
        "{\"added_tokens\":[7],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}}",
        "{\"added_tokens\":[[",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1}}} x"
      })
  void aTokenizerThatDoesNotFitIsRefused(String json) throws IOException {
    CheckpointFolder.llama().write(folder);
    Files.writeString(folder.resolve("tokenizer.json"), json);
    String message = tokenizerRefusal();
    assertTrue(message.contains("tokenizer.json"), message);
  }

  @Test
  void aTokenizerThatFitsIsHandedOverAsItIs() throws IOException {
    String json =
        "{\"added_tokens\":[{\"id\":1,\"content\":\"a\"},{\"id\":9,\"content\":\"<end>\"}],"
            + "\"model\":{\"vocab\":{\"a\":1,\"\\u0120b\":0},\"merges\":[],\"type\":\"BPE\"}}";
    CheckpointFolder.llama().write(folder);
    Files.writeString(folder.resolve("tokenizer.json"), json);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertEquals(
          json, new String(checkpoint.tokenizerJson().orElseThrow(), StandardCharsets.UTF_8));
    }
    Files.writeString(folder.resolve("tokenizer.json"), "{\"model\":" + "[".repeat(100_000));
    assertTrue(tokenizerRefusal().contains("tokenizer.json"));
  }

  @Test
  void survivesTwoThousandMutatedHeaders() throws IOException {
    CheckpointFolder source = CheckpointFolder.llama();
    source.write(folder);
    byte[] sound = Files.readAllBytes(folder.resolve("model.safetensors"));
    int headerBytes = (int) ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    Random random = new Random(3);
    int refused = 0;
    for (int round = 0; round < 2_000; round++) {
      byte[] mutated = sound.clone();
      mutated[8 + random.nextInt(headerBytes)] = (byte) (0x20 + random.nextInt(0x60));
      Files.write(folder.resolve("model.safetensors"), mutated);
      try {
        readAll(folder);
      } catch (BadInputException e) {
        refused++;
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
      }
    }
    // Only a change that puts the same byte back can pass: every name, shape, type and offset
    // counts.
    assertTrue(refused > 1_900, "refused " + refused);
  }

  /** A piece's message counts from the tensor's beginning. */
  @Test
  void namesTheElementThatIsNotFinite() throws IOException {
    CheckpointFolder.llama().write(folder);
    DenseWeight embed;
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      embed =
          checkpoint.dense().stream().filter(w -> w.name().equals("embed")).findFirst()
              .orElseThrow();
    }
    Path file = folder.resolve("model.safetensors");
    long elementBytes = embed.type().bytes(1);
    long bad = embed.bytes() / elementBytes - 2;
    try (SafetensorsFile opened = SafetensorsFile.open(file);
        FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      long at = opened.tensors().get(embed.source()).offsetBytes() + bad * elementBytes;
      channel.write(ByteBuffer.wrap(new byte[] {-1, -1, -1, 127}, 0, (int) elementBytes), at);
    }
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        Arena arena = Arena.ofConfined()) {
      BadInputException refused =
          assertThrows(
              BadInputException.class,
              () -> checkpoint.readDense(embed, embed.rows() - 1, 1, arena));
      assertTrue(refused.getMessage().contains("element " + bad + " of its "),
          refused.getMessage());
    }
  }

  private static void readAll(Path folder) {
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        Arena arena = Arena.ofConfined()) {
      checkpoint.dense().forEach(weight -> checkpoint.readDense(weight, arena));
      for (int layer = 0; layer < checkpoint.spec().layers(); layer++) {
        checkpoint.readFfn(layer, arena);
      }
    }
  }

  private String refusal(CheckpointFolder source) throws IOException {
    source.write(folder);
    return openRefusal();
  }

  private String tokenizerRefusal() {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      String message =
          assertThrows(BadInputException.class, checkpoint::tokenizerJson).getMessage();
      assertFalse(message.contains("\n"), message);
      return message;
    }
  }

  private String openRefusal() {
    String message =
        assertThrows(BadInputException.class, () -> Checkpoint.open(folder)).getMessage();
    assertFalse(message.contains("\n"), message);
    return message;
  }
}
