package dev.sluice.bundler.checkpoint;

import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.FEED_FORWARD;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.HIDDEN;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.KEY_VALUE;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.QUERY;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.VOCABULARY;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.ALWAYS;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.ATTENTION_BIAS;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.MLP_BIAS;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.SEPARATE_HEAD;

import dev.sluice.bundler.checkpoint.TensorRule.Dimension;
import dev.sluice.bundler.checkpoint.TensorRule.Presence;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The architectures that can be imported: one entry each in {@link #TABLE}, no code of their own.
 *
 * @param className as in {@code architectures} of config.json
 * @param family as in {@link dev.sluice.storage.store.ModelSpec#architecture()}
 * @param form which projections make the FFN
 * @param keys how its config.json spells what architectures spell differently
 * @param unsaidHead what holds when config.json lacks {@code tie_word_embeddings}
 * @param rules every tensor that the graph can use
 */
record Architecture(
    String className,
    String family,
    FfnForm form,
    NormKind norm,
    ConfigKeys keys,
    HeadKind unsaidHead,
    List<TensorRule> rules) {

  /** Keys of config.json for values that each architecture names in its own way. */
  record ConfigKeys(String feedForward, String activation, String normEpsilon) {
    static final ConfigKeys USUAL =
        new ConfigKeys("intermediate_size", "hidden_act", "rms_norm_eps");
  }

  /** Everything that can be imported. A new architecture is a new line here. */
  static final List<Architecture> TABLE =
      List.of(
          new Architecture(
              "ArceeForCausalLM",
              "arcee",
              FfnForm.UNGATED,
              NormKind.RMS,
              ConfigKeys.USUAL,
              HeadKind.SEPARATE,
              llamaRules(FfnForm.UNGATED)),
          new Architecture(
              "LlamaForCausalLM",
              "llama",
              FfnForm.GATED,
              NormKind.RMS,
              ConfigKeys.USUAL,
              HeadKind.SEPARATE,
              llamaRules(FfnForm.GATED)));

  Architecture {
    rules = List.copyOf(rules);
  }

  static Optional<Architecture> ofClassName(String className) {
    return TABLE.stream().filter(entry -> entry.className.equals(className)).findFirst();
  }

  /** For messages: every name in the table. */
  static String supported() {
    return TABLE.stream().map(Architecture::className).collect(Collectors.joining(", "));
  }

  /** The tensors of Llama's naming, which most families share. */
  private static List<TensorRule> llamaRules(FfnForm form) {
    String attention = "model.layers.N.self_attn.";
    String mlp = "model.layers.N.mlp.";
    List<TensorRule> rules = new ArrayList<>();
    rules.add(rule(TensorRule.EMBED, "model.embed_tokens.weight", ALWAYS, VOCABULARY, HIDDEN));
    rules.add(
        rule(
            "layers.N.attention.norm.weight",
            "model.layers.N.input_layernorm.weight",
            ALWAYS,
            HIDDEN));
    addLinear(rules, "layers.N.attention.q", attention + "q_proj", ATTENTION_BIAS, QUERY, HIDDEN);
    addLinear(
        rules, "layers.N.attention.k", attention + "k_proj", ATTENTION_BIAS, KEY_VALUE, HIDDEN);
    addLinear(
        rules, "layers.N.attention.v", attention + "v_proj", ATTENTION_BIAS, KEY_VALUE, HIDDEN);
    addLinear(rules, "layers.N.attention.o", attention + "o_proj", ATTENTION_BIAS, HIDDEN, QUERY);
    rules.add(
        rule(
            "layers.N.ffn.norm.weight",
            "model.layers.N.post_attention_layernorm.weight",
            ALWAYS,
            HIDDEN));
    if (form == FfnForm.GATED) {
      addLinear(rules, "layers.N.ffn.gate", mlp + "gate_proj", MLP_BIAS, FEED_FORWARD, HIDDEN);
    }
    addLinear(rules, "layers.N.ffn.up", mlp + "up_proj", MLP_BIAS, FEED_FORWARD, HIDDEN);
    addLinear(rules, "layers.N.ffn.down", mlp + "down_proj", MLP_BIAS, HIDDEN, FEED_FORWARD);
    rules.add(rule("norm.weight", "model.norm.weight", ALWAYS, HIDDEN));
    rules.add(rule(TensorRule.HEAD, "lm_head.weight", SEPARATE_HEAD, VOCABULARY, HIDDEN));
    return rules;
  }

  /** A matrix [out, in] and the bias [out] that goes with it. */
  private static void addLinear(
      List<TensorRule> rules,
      String canonical,
      String source,
      Presence bias,
      Dimension out,
      Dimension in) {
    rules.add(rule(canonical + ".weight", source + ".weight", ALWAYS, out, in));
    rules.add(rule(canonical + ".bias", source + ".bias", bias, out));
  }

  private static TensorRule rule(
      String canonical, String source, Presence presence, Dimension... shape) {
    return new TensorRule(canonical, source, List.of(shape), presence);
  }
}
