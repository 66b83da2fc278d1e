package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.gguf.GgufBytes;
import dev.sluice.bundler.checkpoint.gguf.GgufType;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import dev.sluice.storage.tensor.Floats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Set;

/** Converts a small Hugging Face folder of Llama's kind into GGUF the way llama.cpp's converter does, bits kept. */
final class GgufOfFolder {
  /** Families whose q and k llama.cpp's converter permutes. */
  private static final Set<String> INTERLEAVED = Set.of("llama", "arcee");

  /** Families whose norms it makes absolute. */
  private static final Set<String> RELATIVE_NORMS = Set.of("nemotron", "gemma2", "gemma3");

  private GgufOfFolder() {}

  static GgufBytes convert(Path folder) {
    GgufBytes gguf = new GgufBytes();
    try (HfCheckpoint checkpoint = HfCheckpoint.open(folder);
        SafetensorsFile weights = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
      ModelSpec spec = checkpoint.spec();
      metadata(gguf, spec);
      for (SafetensorsFile.Tensor tensor : weights.tensors().values()) {
        byte[] data = bytes(weights, tensor);
        long rows = tensor.shape().getFirst();
        boolean q = tensor.name().contains("q_proj");
        if (INTERLEAVED.contains(spec.architecture())
            && (q || tensor.name().contains("k_proj"))) {
          data = interleaved(data, q ? spec.heads() : spec.kvHeads(), spec.headSize(), rows);
        }
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        if (RELATIVE_NORMS.contains(spec.architecture())
            && tensor.name().endsWith("norm.weight")) {
          data = plusOne(data);
        }
        gguf.tensor(name(tensor.name(), spec.architecture()),
            GgufType.valueOf(tensor.type().name()), data, shape);
      }
    }
    return gguf;
  }

  private static void metadata(GgufBytes gguf, ModelSpec spec) {
    String prefix = spec.architecture() + ".";
    gguf.text("general.architecture", spec.architecture());
    gguf.uint32(prefix + "block_count", spec.layers());
    gguf.uint32(prefix + "embedding_length", spec.hidden());
    gguf.uint32(prefix + "feed_forward_length", spec.feedForward());
    gguf.uint32(prefix + "attention.head_count", spec.heads());
    gguf.uint32(prefix + "attention.head_count_kv", spec.kvHeads());
    gguf.uint32(prefix + "attention.key_length", spec.headSize());
    gguf.uint32(prefix + "context_length", spec.contextLength());
    gguf.float32(
        prefix + (spec.norm() == ModelSpec.NormKind.RMS ? "attention.layer_norm_rms_epsilon"
            : "attention.layer_norm_epsilon"),
        spec.normEpsilon());
    gguf.uint32(prefix + "rope.dimension_count", spec.rope().rotatedSize());
    if (spec.attention().window().positions() > 0) {
      gguf.uint32(prefix + "attention.sliding_window", spec.attention().window().positions());
    }
    if (spec.attention().scoreCap() > 0) {
      gguf.float32(prefix + "attn_logit_softcapping", spec.attention().scoreCap());
      gguf.float32(prefix + "final_logit_softcapping", spec.scales().logitCap());
    }
    ModelSpec.Scaling scaling = spec.rope().scaling();
    if (scaling.kind() == ScalingKind.YARN || scaling.kind() == ScalingKind.LINEAR) {
      boolean yarn = scaling.kind() == ScalingKind.YARN;
      gguf.text(prefix + "rope.scaling.type", yarn ? "yarn" : "linear");
      gguf.float32(prefix + "rope.scaling.factor", (float) scaling.factor());
      if (yarn) {
        gguf.uint32(
            prefix + "rope.scaling.original_context_length", scaling.originalContext());
      }
    }
    gguf.float32(prefix + "rope.freq_base", (float) spec.rope().theta());
    for (int id : spec.endOfTextIds()) {
      gguf.uint32("tokenizer.ggml.eos_token_id", id);
    }
    if (spec.rope().scaling().kind() == ScalingKind.LLAMA3) {
      gguf.tensor("rope_freqs.weight", GgufType.F32, divisors(spec.rope()),
          spec.rope().rotatedSize() / 2);
    }
  }

  /** As generate_extra_tensors of llama.cpp's converter has them, in its float32 arithmetic. */
  private static byte[] divisors(ModelSpec.Rope rope) {
    int half = rope.rotatedSize() / 2;
    byte[] bytes = new byte[half * Float.BYTES];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    ModelSpec.Scaling scaling = rope.scaling();
    for (int j = 0; j < half; j++) {
      float frequency = 1 / (float) Math.pow(rope.theta(), (float) (2 * j) / rope.rotatedSize());
      float wavelength = (float) (2 * Math.PI) / frequency;
      if (wavelength < scaling.originalContext() / scaling.highFrequencyFactor()) {
        out.putFloat(1);
      } else if (wavelength > scaling.originalContext() / scaling.lowFrequencyFactor()) {
        out.putFloat((float) scaling.factor());
      } else {
        float smooth =
            (float) ((scaling.originalContext() / wavelength - scaling.lowFrequencyFactor())
                / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor()));
        out.putFloat(1 / ((1 - smooth) / (float) scaling.factor() + smooth));
      }
    }
    return bytes;
  }

  /** reshape(heads, 2, headSize / 2, ...).swapaxes(1, 2): row s · half + j becomes row 2j + s. */
  private static byte[] interleaved(byte[] halves, int heads, int headSize, long rows) {
    int rowBytes = (int) (halves.length / rows);
    byte[] target = new byte[halves.length];
    for (int head = 0; head < heads; head++) {
      for (int s = 0; s < 2; s++) {
        for (int j = 0; j < headSize / 2; j++) {
          int from = head * headSize + s * headSize / 2 + j;
          int to = head * headSize + 2 * j + s;
          System.arraycopy(halves, from * rowBytes, target, to * rowBytes, rowBytes);
        }
      }
    }
    return target;
  }

  private static byte[] plusOne(byte[] norm) {
    float[] values = Floats.fromBytes(norm);
    for (int i = 0; i < values.length; i++) {
      values[i] += 1;
    }
    return Floats.toBytes(values);
  }

  private static String name(String source, String architecture) {
    String after =
        architecture.startsWith("gemma") ? "post_attention_norm" : "ffn_norm";
    return source
        .replace("model.embed_tokens", "token_embd")
        .replace("model.layers.", "blk.")
        .replace("model.norm", "output_norm")
        .replace("lm_head", "output")
        .replace("input_layernorm", "attn_norm")
        .replace("post_attention_layernorm", after)
        .replace("pre_feedforward_layernorm", "ffn_norm")
        .replace("post_feedforward_layernorm", "post_ffw_norm")
        .replace("self_attn.q_proj", "attn_q")
        .replace("self_attn.k_proj", "attn_k")
        .replace("self_attn.v_proj", "attn_v")
        .replace("self_attn.o_proj", "attn_output")
        .replace("self_attn.q_norm", "attn_q_norm")
        .replace("self_attn.k_norm", "attn_k_norm")
        .replace("mlp.gate_proj", "ffn_gate")
        .replace("mlp.up_proj", "ffn_up")
        .replace("mlp.down_proj", "ffn_down");
  }

  private static byte[] bytes(SafetensorsFile file, SafetensorsFile.Tensor tensor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(tensor.bytes());
      file.read(tensor, 0, data);
      return data.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
