package dev.sluice.bundler.checkpoint;

import static dev.sluice.bundler.checkpoint.GgufRule.Need.OPTIONAL;
import static dev.sluice.bundler.checkpoint.GgufRule.Need.REQUIRED;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.FEED_FORWARD;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.HIDDEN;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.KEY_VALUE;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.QUERY;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.VOCABULARY;

import dev.sluice.bundler.checkpoint.TensorRule.Dimension;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.NormKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The architectures of GGUF files that can be imported: one entry each in {@link #TABLE}, no code of their own. What such
 * a file leaves unsaid (activation, form) follows from its architecture.
 *
 * @param name as in {@code general.architecture}, and in {@link dev.sluice.storage.store.ModelSpec#architecture()}
 * @param headRows how rows of q and k stand in the file
 */
record GgufArchitecture(
    String name, Activation activation, FfnForm form, NormKind norm, HeadRows headRows) {

  /** The order of a head's rows in q and k. */
  enum HeadRows {
    /** As the graph wants them: row j rotates with row j + half. */
    HALVES,
    /** Row 2j rotates with row 2j + 1: converters permute them so for ggml's first kind of RoPE. */
    INTERLEAVED
  }

  /** Everything that can be imported. Mistral's files say llama. A new architecture is a new line here. */
  static final List<GgufArchitecture> TABLE =
      List.of(
          new GgufArchitecture(
              "arcee", Activation.RELU2, FfnForm.UNGATED, NormKind.RMS, HeadRows.INTERLEAVED),
          new GgufArchitecture(
              "llama", Activation.SILU, FfnForm.GATED, NormKind.RMS, HeadRows.INTERLEAVED),
          new GgufArchitecture(
              "qwen2", Activation.SILU, FfnForm.GATED, NormKind.RMS, HeadRows.HALVES));

  static Optional<GgufArchitecture> ofName(String name) {
    return TABLE.stream().filter(entry -> entry.name.equals(name)).findFirst();
  }

  /** For messages: every name in the table. */
  static String supported() {
    return TABLE.stream().map(GgufArchitecture::name).collect(Collectors.joining(", "));
  }

  /** Every tensor that the graph can use, in ggml's naming (llama.cpp's llama-arch.cpp). */
  List<GgufRule> rules() {
    List<GgufRule> rules = new ArrayList<>();
    rules.add(rule(TensorRule.EMBED, "token_embd.weight", REQUIRED, VOCABULARY, HIDDEN));
    rules.add(rule("layers.N.attention.norm.weight", "blk.N.attn_norm.weight", REQUIRED, HIDDEN));
    addLinear(rules, "layers.N.attention.q", "blk.N.attn_q", QUERY, HIDDEN);
    addLinear(rules, "layers.N.attention.k", "blk.N.attn_k", KEY_VALUE, HIDDEN);
    addLinear(rules, "layers.N.attention.v", "blk.N.attn_v", KEY_VALUE, HIDDEN);
    addLinear(rules, "layers.N.attention.o", "blk.N.attn_output", HIDDEN, QUERY);
    rules.add(rule("layers.N.ffn.norm.weight", "blk.N.ffn_norm.weight", REQUIRED, HIDDEN));
    if (form == FfnForm.GATED) {
      addLinear(rules, "layers.N.ffn.gate", "blk.N.ffn_gate", FEED_FORWARD, HIDDEN);
    }
    addLinear(rules, "layers.N.ffn.up", "blk.N.ffn_up", FEED_FORWARD, HIDDEN);
    addLinear(rules, "layers.N.ffn.down", "blk.N.ffn_down", HIDDEN, FEED_FORWARD);
    rules.add(rule("norm.weight", "output_norm.weight", REQUIRED, HIDDEN));
    rules.add(rule(TensorRule.HEAD, "output.weight", OPTIONAL, VOCABULARY, HIDDEN));
    return rules;
  }

  /** A matrix [out, in] and the bias [out] that may go with it. */
  private static void addLinear(
      List<GgufRule> rules, String canonical, String source, Dimension out, Dimension in) {
    rules.add(rule(canonical + ".weight", source + ".weight", REQUIRED, out, in));
    rules.add(rule(canonical + ".bias", source + ".bias", OPTIONAL, out));
  }

  private static GgufRule rule(
      String canonical, String source, GgufRule.Need need, Dimension... shape) {
    return new GgufRule(canonical, source, List.of(shape), need);
  }
}
