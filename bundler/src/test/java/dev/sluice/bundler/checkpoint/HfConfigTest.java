package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scales;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import dev.sluice.storage.store.ModelSpec.SlidingWindow;
import dev.sluice.storage.tensor.TensorType;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HfConfigTest {
  private static final Path FILE = Path.of("somewhere", "config.json");

  private final CheckpointFolder sound = CheckpointFolder.llama();

  @Test
  void readsALlama() {
    ModelSpec spec = read().spec(BundleFormat.of(TensorType.F16));
    assertEquals("llama", spec.architecture());
    assertEquals(2, spec.layers());
    assertEquals(8, spec.hidden());
    assertEquals(6, spec.feedForward());
    assertEquals(2, spec.heads());
    assertEquals(1, spec.kvHeads());
    assertEquals(4, spec.headSize());
    assertEquals(10, spec.vocabulary());
    assertEquals(32, spec.contextLength());
    assertEquals(1e-5f, spec.normEpsilon());
    assertEquals(Activation.SILU, spec.activation());
    assertEquals(FfnForm.GATED, spec.form());
    assertEquals(HeadKind.TIED, spec.head());
    assertEquals(List.of(0), spec.endOfTextIds());
    assertEquals(new Rope(10_000, 4, Scaling.NONE), spec.rope());
  }

  @Test
  void fillsInWhatMayBeUnsaid() {
    sound.config.remove("num_key_value_heads");
    sound.config.remove("tie_word_embeddings");
    sound.config.put("eos_token_id", "[3, 4]");
    sound.config.put("head_dim", "16");
    ModelSpec spec = read().spec(BundleFormat.of(TensorType.F16));
    assertEquals(2, spec.kvHeads());
    assertEquals(HeadKind.SEPARATE, spec.head());
    assertEquals(List.of(3, 4), spec.endOfTextIds());
    assertEquals(16, spec.headSize());
    sound.config.put("eos_token_id", "null");
    sound.config.put("head_dim", "null");
    assertEquals(List.of(), read().endOfTextIds());
    assertEquals(4, read().headSize());
  }

  @Test
  void readsBothSpellingsOfRope() {
    Scaling llama3 = new Scaling(ScalingKind.LLAMA3, 8, 1, 4, 64);
    String llama3Json =
        "\"factor\":8.0,\"high_freq_factor\":4.0,\"low_freq_factor\":1,"
            + "\"original_max_position_embeddings\":64";
    sound.config.put("rope_theta", "500000.0");
    sound.config.put("rope_scaling", "{\"rope_type\":\"llama3\"," + llama3Json + "}");
    assertEquals(new Rope(500_000, 4, llama3), read().rope());
    sound.config.put("rope_scaling", "{\"type\":\"linear\",\"factor\":2}");
    assertEquals(new Rope(500_000, 4, new Scaling(ScalingKind.LINEAR, 2, 0, 0, 0)), read().rope());
    sound.config.put("rope_scaling", "null");
    assertEquals(new Rope(500_000, 4, Scaling.NONE), read().rope());
    sound.config.put(
        "rope_parameters", "{\"rope_type\":\"llama3\",\"rope_theta\":500000," + llama3Json + "}");
    assertEquals(new Rope(500_000, 4, llama3), read().rope());
    sound.config.put(
        "rope_parameters", "{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}");
    assertEquals(new Rope(500_000, 2, Scaling.NONE), read().rope());
  }

  @Test
  void readsYarn() {
    sound.config.put("rope_scaling", "{\"rope_type\":\"yarn\",\"factor\":8}");
    Scaling usual = read().rope().scaling();
    assertEquals(
        new Scaling(ScalingKind.YARN, 8, 1, 32, 32, 1 + 0.1 * Math.log(8)), usual);
    sound.config.put(
        "rope_scaling",
        "{\"type\":\"yarn\",\"factor\":8,\"beta_fast\":16,\"beta_slow\":2,"
            + "\"original_max_position_embeddings\":4,\"attention_factor\":1.5}");
    assertEquals(new Scaling(ScalingKind.YARN, 8, 2, 16, 4, 1.5), read().rope().scaling());
  }

  @Test
  void windowsAreReadAsEachFamilyMeansThem() {
    sound.config.put("sliding_window", "5");
    assertEquals(SlidingWindow.NONE, read().attention().window());
    Rope plain = new Rope(10_000, 4, Scaling.NONE);
    sound.config.put("architectures", "[\"MistralForCausalLM\"]");
    assertEquals(new SlidingWindow(5, List.of(0, 1), plain), read().attention().window());
    sound.config.put("architectures", "[\"Qwen2ForCausalLM\"]");
    sound.config.put("max_window_layers", "1");
    assertEquals(SlidingWindow.NONE, read().attention().window());
    sound.config.put("use_sliding_window", "true");
    assertEquals(new SlidingWindow(5, List.of(1), plain), read().attention().window());
    sound.config.put("layer_types", "[\"sliding_attention\", \"full_attention\"]");
    assertEquals(new SlidingWindow(5, List.of(0), plain), read().attention().window());
    sound.config.put("layer_types", "[\"sliding_attention\"]");
    assertTrue(refusal().contains("layer_types"));
    sound.config.put("layer_types", "[\"sliding_attention\", \"linear_attention\"]");
    assertTrue(refusal().contains("linear_attention"));
  }

  @Test
  void readsAnOlderGemma3() {
    sound.config.put("architectures", "[\"Gemma3ForCausalLM\"]");
    sound.config.put("hidden_activation", "\"gelu_pytorch_tanh\"");
    sound.config.put("num_hidden_layers", "7");
    sound.config.put("sliding_window", "5");
    sound.config.put("query_pre_attn_scalar", "16");
    sound.config.put("rope_scaling", "{\"rope_type\":\"linear\",\"factor\":8}");
    HfConfig gemma = read();
    assertEquals(
        new Rope(1_000_000, 4, new Scaling(ScalingKind.LINEAR, 8, 0, 0, 0)), gemma.rope());
    Rope local = new Rope(10_000, 4, Scaling.NONE);
    assertEquals(
        new AttentionForm(0.25f, 0, new SlidingWindow(5, List.of(0, 1, 2, 3, 4, 6), local)),
        gemma.attention());
    assertEquals(new Scales((float) Math.sqrt(8), 1, 0), gemma.scales());
    sound.config.put("use_bidirectional_attention", "true");
    assertTrue(refusal().contains("use_bidirectional_attention"));
  }

  @Test
  void refusesWhatTheGraphOfOptLacks() {
    sound.config.put("architectures", "[\"OPTForCausalLM\"]");
    sound.config.put("ffn_dim", "6");
    sound.config.put("activation_function", "\"relu\"");
    sound.config.remove("rms_norm_eps");
    assertEquals(0, read().rope().rotatedSize());
    assertEquals(1e-5f, read().normEpsilon());
    sound.config.put("word_embed_proj_dim", "4");
    assertTrue(refusal().contains("word_embed_proj_dim"));
    sound.config.remove("word_embed_proj_dim");
    sound.config.put("do_layer_norm_before", "false");
    assertTrue(refusal().contains("do_layer_norm_before"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "relu|RELU",
        "relu2|RELU2",
        "silu|SILU",
        "swish|SILU",
        "gelu_pytorch_tanh|GELU_TANH"
      })
  void knowsActivations(String name, Activation activation) {
    sound.config.put("hidden_act", "\"" + name + "\"");
    assertEquals(activation, read().activation());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\'',
      value = {
        "hidden_size|0",
        "hidden_size|-8",
        "hidden_size|8.5",
        "hidden_size|\"8\"",
        "hidden_size|true",
        "hidden_size|[8]",
        "hidden_size|null",
        "hidden_size|7",
        "hidden_size|99999999999999999999",
        "hidden_size|1000000",
        "intermediate_size|0",
        "intermediate_size|2147483647",
        "num_hidden_layers|0",
        "num_hidden_layers|10001",
        "num_attention_heads|0",
        "num_attention_heads|1.0",
        "num_key_value_heads|0",
        "num_key_value_heads|3",
        "num_key_value_heads|-1",
        "vocab_size|0",
        "vocab_size|16777217",
        "max_position_embeddings|0",
        "rms_norm_eps|0",
        "rms_norm_eps|-1e-5",
        "rms_norm_eps|1",
        "rms_norm_eps|\"tiny\"",
        "rms_norm_eps|1e-60",
        "rms_norm_eps|1e999",
        "hidden_act|\"gelu\"",
        "hidden_act|3",
        "head_dim|0",
        "head_dim|5",
        "head_dim|262144",
        "eos_token_id|10",
        "eos_token_id|-1",
        "eos_token_id|[1, \"2\"]",
        "tie_word_embeddings|1",
        "attention_bias|\"yes\"",
        "mlp_bias|0",
        "rope_theta|0",
        "rope_theta|-1",
        "rope_theta|\"10000\"",
        "rope_scaling|3",
        "rope_scaling|{}",
        "rope_scaling|{\"type\":\"dynamic\",\"factor\":2}",
        "rope_scaling|{\"type\":\"yarn\"}",
        "rope_scaling|{\"type\":\"linear\"}",
        "rope_scaling|{\"type\":\"linear\",\"factor\":0.5}",
        "rope_scaling|{\"rope_type\":\"llama3\",\"factor\":8}",
        "rope_parameters|{\"rope_theta\":1}",
        "rope_parameters|{\"rope_type\":\"default\",\"partial_rotary_factor\":1.5}",
        "rope_parameters|{\"rope_type\":\"default\",\"partial_rotary_factor\":0.3}",
        "architectures|[]",
        "architectures|\"LlamaForCausalLM\"",
        "architectures|[7]",
        "quantization_config|{\"bits\":4}"
      })
  void refusesByFileAndKey(String key, String value) {
    sound.config.put(key, value);
    String message = refusal();
    assertTrue(message.startsWith(FILE + ", key " + key), message);
    assertFalse(message.contains("\n"), message);
  }

  @Test
  void missingKeysAreNamed() {
    for (String key : List.of(
        "architectures",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "vocab_size",
        "max_position_embeddings",
        "rms_norm_eps",
        "hidden_act")) {
      String value = sound.config.remove(key);
      String message = refusal();
      assertTrue(message.startsWith(FILE + ", key " + key + ": it is missing"), message);
      sound.config.put(key, value);
    }
  }

  @Test
  void anUnknownArchitectureIsNamedBesideThoseThatWork() {
    sound.config.put("architectures", "[\"MambaForCausalLM\"]");
    String message = refusal();
    assertTrue(message.contains("MambaForCausalLM"), message);
    assertTrue(message.contains("ArceeForCausalLM, LlamaForCausalLM"), message);
  }

  @Test
  void contradictingRopeIsRefused() {
    sound.config.put("rope_theta", "500000");
    sound.config.put("rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":10000}");
    assertTrue(refusal().contains("rope_theta"));
    sound.config.remove("rope_theta");
    sound.config.put("rope_scaling", "{\"type\":\"linear\",\"factor\":4}");
    assertTrue(refusal().contains("rope_scaling"));
  }

  @Test
  void malformedJsonIsRefused() {
    for (String json : List.of(
        "",
        "null",
        "[]",
        "{",
        "{}{}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":" + "[".repeat(100_000),
        "{\"a\":" + "9".repeat(5_000) + "}",
        "\u0000")) {
      assertThrows(
          BadInputException.class,
          () -> HfConfig.read(FILE, json.getBytes(StandardCharsets.UTF_8)),
          json.substring(0, Math.min(20, json.length())));
    }
  }

  @Test
  void survivesMutations() {
    byte[] json = sound.configJson();
    Random random = new Random(11);
    for (int round = 0; round < 2_000; round++) {
      byte[] mutated = json.clone();
      mutated[random.nextInt(json.length)] = (byte) random.nextInt(256);
      mutated[random.nextInt(json.length)] =
          (byte) "0123456789-{}[]\",:e".charAt(random.nextInt(19));
      try {
        HfConfig.read(FILE, mutated);
      } catch (BadInputException e) {
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
      }
    }
  }

  private HfConfig read() {
    return HfConfig.read(FILE, sound.configJson());
  }

  private String refusal() {
    return assertThrows(BadInputException.class, this::read).getMessage();
  }
}
