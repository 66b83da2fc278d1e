package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.Architecture.Sliding;
import dev.sluice.bundler.checkpoint.TensorRule.Presence;
import dev.sluice.storage.store.ModelSpec.Activation;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The architectures of GGUF files that can be imported: one entry each in {@link #TABLE}, no code of their own. Tensors,
 * form and norms are those that {@link Architecture} has for the family; here is what GGUF files spell otherwise, and what
 * they leave unsaid.
 *
 * @param name as in {@code general.architecture}
 * @param family the same model as published in folders
 * @param normEpsilon key, behind the name
 * @param headRows how rows of q and k stand in the file
 * @param windowEvery of so many layers all but the last slide; 0 where none does
 * @param slidingTheta base of rotary frequencies in sliding layers, which then are not scaled; 0 where they are like the
 *     others
 * @param oddLayers a model with so many layers scales scores by √(hidden / heads), its siblings by √headSize; 0 if none
 */
record GgufArchitecture(
    String name, Architecture family, Activation activation, String normEpsilon,
    HeadRows headRows, int windowEvery, double slidingTheta, int oddLayers) {

  /** The order of a head's rows in q and k. */
  enum HeadRows {
    /** As the graph wants them: row j rotates with row j + half. */
    HALVES,
    /** Row 2j rotates with row 2j + 1: converters permute them so for ggml's first kind of RoPE. */
    INTERLEAVED
  }

  private static final String RMS_EPSILON = "attention.layer_norm_rms_epsilon";
  private static final String EPSILON = "attention.layer_norm_epsilon";

  /** Names without {@code .weight} or {@code .bias}, in ggml's naming (llama.cpp's llama-arch.cpp). */
  private static final Map<String, String> NAMES =
      Map.ofEntries(
          Map.entry(TensorRule.EMBED, "token_embd"),
          Map.entry(TensorRule.HEAD, "output"),
          Map.entry("norm", "output_norm"),
          Map.entry("layers.N.attention.norm", "blk.N.attn_norm"),
          Map.entry("layers.N.attention.q", "blk.N.attn_q"),
          Map.entry("layers.N.attention.k", "blk.N.attn_k"),
          Map.entry("layers.N.attention.v", "blk.N.attn_v"),
          Map.entry("layers.N.attention.o", "blk.N.attn_output"),
          Map.entry("layers.N.attention.q_norm", "blk.N.attn_q_norm"),
          Map.entry("layers.N.attention.k_norm", "blk.N.attn_k_norm"),
          Map.entry("layers.N.attention.post_norm", "blk.N.post_attention_norm"),
          Map.entry("layers.N.ffn.norm", "blk.N.ffn_norm"),
          Map.entry("layers.N.ffn.post_norm", "blk.N.post_ffw_norm"),
          Map.entry("layers.N.ffn.gate", "blk.N.ffn_gate"),
          Map.entry("layers.N.ffn.up", "blk.N.ffn_up"),
          Map.entry("layers.N.ffn.down", "blk.N.ffn_down"));

  /** Everything that can be imported. Mistral's files say llama. A new architecture is a new line here. */
  static final List<GgufArchitecture> TABLE =
      List.of(
          plain("arcee", Activation.RELU2, RMS_EPSILON, HeadRows.INTERLEAVED),
          plain("llama", Activation.SILU, RMS_EPSILON, HeadRows.INTERLEAVED),
          plain("qwen2", Activation.SILU, RMS_EPSILON, HeadRows.HALVES),
          plain("qwen3", Activation.SILU, RMS_EPSILON, HeadRows.HALVES),
          plain("nemotron", Activation.RELU2, EPSILON, HeadRows.HALVES),
          new GgufArchitecture(
              "gemma2", family("gemma2"), Activation.GELU_TANH, RMS_EPSILON, HeadRows.HALVES, 2, 0,
              46),
          new GgufArchitecture(
              "gemma3", family("gemma3"), Activation.GELU_TANH, RMS_EPSILON, HeadRows.HALVES, 6,
              10_000, 62));

  private static GgufArchitecture plain(
      String name, Activation activation, String normEpsilon, HeadRows headRows) {
    return new GgufArchitecture(
        name, family(name), activation, normEpsilon, headRows, 0, 0, 0);
  }

  private static Architecture family(String name) {
    return Architecture.TABLE.stream()
        .filter(entry -> entry.family().equals(name))
        .findFirst()
        .orElseThrow();
  }

  static Optional<GgufArchitecture> ofName(String name) {
    return TABLE.stream().filter(entry -> entry.name.equals(name)).findFirst();
  }

  /** For messages: every name in the table. */
  static String supported() {
    return TABLE.stream().map(GgufArchitecture::name).collect(Collectors.joining(", "));
  }

  /** Whether layers of this family may slide and the file's word for it is understood. */
  boolean slides() {
    return windowEvery > 0 && family.sliding() != Sliding.NONE;
  }

  /** Every tensor that the graph can use. Norms are absolute in GGUF files, as in a store: nothing is converted. */
  List<GgufRule> rules() {
    return family.rules().stream()
        .map(
            rule -> new GgufRule(
                rule.canonical(),
                source(rule.canonical()),
                rule.shape(),
                rule.presence() == Presence.ALWAYS ? GgufRule.Need.REQUIRED
                    : GgufRule.Need.OPTIONAL))
        .toList();
  }

  private static String source(String canonical) {
    String suffix = canonical.endsWith(".bias") ? ".bias" : ".weight";
    String stem =
        canonical.endsWith(suffix) ? canonical.substring(0, canonical.length() - suffix.length())
            : canonical;
    String name = NAMES.get(stem);
    if (name == null) {
      throw new IllegalStateException("no name in GGUF files for " + canonical);
    }
    return name + suffix;
  }
}
