package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.store.ModelSpec.FfnForm;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * Writes tiny checkpoints, sound or broken, for tests. Tensors hold small random float16 values.
 */
public final class CheckpointFolder {
  public static final int HIDDEN = 8;
  public static final int FEED_FORWARD = 6;
  public static final int LAYERS = 2;
  public static final int VOCABULARY = 10;
  private static final short HALF_ONE = 0x3c00;

  /** A tensor to be written. */
  public record Entry(String dtype, List<Integer> shape, byte[] data) {}

  public final Map<String, Entry> tensors = new TreeMap<>();
  public final Map<String, String> config = new LinkedHashMap<>();

  private CheckpointFolder() {}

  /** A gated, tied Llama: two query heads and one key head of 4. */
  public static CheckpointFolder llama() {
    return new CheckpointFolder().fill("LlamaForCausalLM", "silu", FfnForm.GATED);
  }

  /** An ungated, tied Arcee of the same size. */
  public static CheckpointFolder arcee() {
    return new CheckpointFolder().fill("ArceeForCausalLM", "relu2", FfnForm.UNGATED);
  }

  private CheckpointFolder fill(String architecture, String activation, FfnForm form) {
    config.put("architectures", "[\"" + architecture + "\"]");
    config.put("hidden_act", "\"" + activation + "\"");
    config.put("hidden_size", "8");
    config.put("intermediate_size", "6");
    config.put("num_hidden_layers", "2");
    config.put("num_attention_heads", "2");
    config.put("num_key_value_heads", "1");
    config.put("vocab_size", "10");
    config.put("max_position_embeddings", "32");
    config.put("rms_norm_eps", "1e-5");
    config.put("tie_word_embeddings", "true");
    config.put("eos_token_id", "0");
    half("model.embed_tokens.weight", VOCABULARY, HIDDEN);
    half("model.norm.weight", HIDDEN);
    for (int layer = 0; layer < LAYERS; layer++) {
      String prefix = "model.layers." + layer + ".";
      half(prefix + "input_layernorm.weight", HIDDEN);
      half(prefix + "post_attention_layernorm.weight", HIDDEN);
      half(prefix + "self_attn.q_proj.weight", 8, HIDDEN);
      half(prefix + "self_attn.k_proj.weight", 4, HIDDEN);
      half(prefix + "self_attn.v_proj.weight", 4, HIDDEN);
      half(prefix + "self_attn.o_proj.weight", HIDDEN, 8);
      half(prefix + "mlp.up_proj.weight", FEED_FORWARD, HIDDEN);
      half(prefix + "mlp.down_proj.weight", HIDDEN, FEED_FORWARD);
      if (form == FfnForm.GATED) {
        half(prefix + "mlp.gate_proj.weight", FEED_FORWARD, HIDDEN);
      }
    }
    return this;
  }

  /** Adds or replaces a float16 tensor of seeded values between 1 and 2. */
  public CheckpointFolder half(String name, Integer... shape) {
    int elements = 1;
    for (int dimension : shape) {
      elements *= dimension;
    }
    Random random = new Random(name.hashCode());
    ByteBuffer data = ByteBuffer.allocate(elements * 2).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < elements; i++) {
      data.putShort((short) (HALF_ONE | random.nextInt(1024)));
    }
    tensors.put(name, new Entry("F16", List.of(shape), data.array()));
    return this;
  }

  /** Writes config.json and model.safetensors. */
  public Path write(Path folder) throws IOException {
    writeConfig(folder);
    Files.write(folder.resolve("model.safetensors"), safetensors(tensors));
    return folder;
  }

  /** Writes config.json alone. */
  public void writeConfig(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.write(folder.resolve("config.json"), configJson());
  }

  /** Writes the tensors to two shards, every other one to each, and the index. */
  public Path writeShards(Path folder) throws IOException {
    writeConfig(folder);
    List<Map<String, Entry>> shards = List.of(new TreeMap<>(), new TreeMap<>());
    List<String> weightMap = new ArrayList<>();
    int next = 0;
    for (Map.Entry<String, Entry> tensor : tensors.entrySet()) {
      int shard = next++ % 2;
      shards.get(shard).put(tensor.getKey(), tensor.getValue());
      weightMap.add("\"" + tensor.getKey() + "\":\"" + shardName(shard) + "\"");
    }
    for (int shard = 0; shard < 2; shard++) {
      Files.write(folder.resolve(shardName(shard)), safetensors(shards.get(shard)));
    }
    writeIndex(folder, String.join(",", weightMap));
    return folder;
  }

  public static String shardName(int shard) {
    return "model-0000" + (shard + 1) + "-of-00002.safetensors";
  }

  public static void writeIndex(Path folder, String weightMap) throws IOException {
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + weightMap + "}}");
  }

  public byte[] configJson() {
    List<String> pairs = new ArrayList<>();
    config.forEach((key, value) -> pairs.add("\"" + key + "\": " + value));
    return ("{" + String.join(", ", pairs) + "}").getBytes(StandardCharsets.UTF_8);
  }

  /** A sound safetensors file. */
  public static byte[] safetensors(Map<String, Entry> tensors) {
    List<String> entries = new ArrayList<>();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    tensors.forEach(
        (name, entry) -> {
          int begin = data.size();
          data.writeBytes(entry.data());
          entries.add(entry(name, entry.dtype(), entry.shape().toString(), begin, data.size()));
        });
    return file("{" + String.join(",", entries) + "}", data.toByteArray());
  }

  /** One entry of a header. */
  public static String entry(String name, String dtype, String shape, long begin, long end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, dtype, shape, begin, end);
  }

  /** A file of the header's length, the header and the data, whatever they say. */
  public static byte[] file(String header, byte[] data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }
}
