package dev.sluice.bundler.checkpoint;

import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.FEED_FORWARD;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.HEAD_SIZE;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.HIDDEN;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.KEY_VALUE;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.LEARNED_POSITIONS;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.QUERY;
import static dev.sluice.bundler.checkpoint.TensorRule.Dimension.VOCABULARY;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.ALWAYS;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.ATTENTION_BIAS;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.ENABLE_BIAS;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.MLP_BIAS;
import static dev.sluice.bundler.checkpoint.TensorRule.Presence.SEPARATE_HEAD;

import dev.sluice.bundler.checkpoint.TensorRule.Dimension;
import dev.sluice.bundler.checkpoint.TensorRule.Presence;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import java.util.ArrayList;
import java.util.List;

/**
 * The tensors of each way of naming them. Names on the left are the store's, which the engine
 * looks for; what the engine finds is what its graph has.
 */
final class RuleList {
  private static final String LAYER = "model.layers.N.";
  private static final String ATTENTION = LAYER + "self_attn.";
  private static final String MLP = LAYER + "mlp.";
  private static final String OPT_LAYER = "model.decoder.layers.N.";

  private final List<TensorRule> rules = new ArrayList<>();
  private final Conversion norms;

  private RuleList(Conversion norms) {
    this.norms = norms;
  }

  /** Llama's naming, which most families share; biases as the configuration says. */
  static List<TensorRule> llama(FfnForm form) {
    return new RuleList(Conversion.AS_IS).llamaBody(form, ATTENTION_BIAS).llamaNorms().rules;
  }

  /** Biases of queries, keys and values always, of the output projection never. */
  static List<TensorRule> qwen2() {
    RuleList list = new RuleList(Conversion.AS_IS).llamaBody(FfnForm.GATED, ALWAYS).llamaNorms();
    list.rules.removeIf(rule -> rule.canonical().equals("layers.N.attention.o.bias"));
    return list.rules;
  }

  /** Norms over each head of queries and keys. */
  static List<TensorRule> qwen3() {
    return new RuleList(Conversion.AS_IS)
        .llamaBody(FfnForm.GATED, ATTENTION_BIAS)
        .llamaNorms()
        .headNorms().rules;
  }

  /** LayerNorm relative to 1, with biases; no gate. */
  static List<TensorRule> nemotron() {
    return new RuleList(Conversion.ADD_ONE)
        .llamaBody(FfnForm.UNGATED, ATTENTION_BIAS)
        .llamaNorms()
        .bias("layers.N.attention.norm", LAYER + "input_layernorm", ALWAYS, HIDDEN)
        .bias("layers.N.ffn.norm", LAYER + "post_attention_layernorm", ALWAYS, HIDDEN)
        .bias("norm", "model.norm", ALWAYS, HIDDEN).rules;
  }

  /** Norms before and after attention and FFN, relative to 1. */
  static List<TensorRule> gemma2() {
    return new RuleList(Conversion.ADD_ONE)
        .llamaBody(FfnForm.GATED, ATTENTION_BIAS)
        .sandwichNorms().rules;
  }

  /** As Gemma 2, and norms over each head of queries and keys. */
  static List<TensorRule> gemma3() {
    return new RuleList(Conversion.ADD_ONE)
        .llamaBody(FfnForm.GATED, ATTENTION_BIAS)
        .sandwichNorms()
        .headNorms().rules;
  }

  /** Norms of what output and down projection take. */
  static List<TensorRule> bitnet() {
    return new RuleList(Conversion.AS_IS)
        .llamaBody(FfnForm.GATED, ATTENTION_BIAS)
        .llamaNorms()
        .norm("layers.N.attention.sub_norm", ATTENTION + "attn_sub_norm", QUERY)
        .norm("layers.N.ffn.sub_norm", MLP + "ffn_sub_norm", FEED_FORWARD).rules;
  }

  /** Learned positions, LayerNorm, biases everywhere, no gate. */
  static List<TensorRule> opt() {
    String attention = OPT_LAYER + "self_attn.";
    RuleList list = new RuleList(Conversion.AS_IS);
    list.add(TensorRule.EMBED, "model.decoder.embed_tokens.weight", ALWAYS, VOCABULARY, HIDDEN);
    list.rules.add(
        new TensorRule(
            TensorRule.POSITIONS,
            "model.decoder.embed_positions.weight",
            List.of(LEARNED_POSITIONS, HIDDEN),
            ALWAYS,
            Conversion.SKIP_TWO_ROWS));
    return list.norm("layers.N.attention.norm", OPT_LAYER + "self_attn_layer_norm", HIDDEN)
        .bias("layers.N.attention.norm", OPT_LAYER + "self_attn_layer_norm", ALWAYS, HIDDEN)
        .linear("layers.N.attention.q", attention + "q_proj", ENABLE_BIAS, QUERY, HIDDEN)
        .linear("layers.N.attention.k", attention + "k_proj", ENABLE_BIAS, KEY_VALUE, HIDDEN)
        .linear("layers.N.attention.v", attention + "v_proj", ENABLE_BIAS, KEY_VALUE, HIDDEN)
        .linear("layers.N.attention.o", attention + "out_proj", ENABLE_BIAS, HIDDEN, QUERY)
        .norm("layers.N.ffn.norm", OPT_LAYER + "final_layer_norm", HIDDEN)
        .bias("layers.N.ffn.norm", OPT_LAYER + "final_layer_norm", ALWAYS, HIDDEN)
        .linear("layers.N.ffn.up", OPT_LAYER + "fc1", ENABLE_BIAS, FEED_FORWARD, HIDDEN)
        .linear("layers.N.ffn.down", OPT_LAYER + "fc2", ENABLE_BIAS, HIDDEN, FEED_FORWARD)
        .norm("norm", "model.decoder.final_layer_norm", HIDDEN)
        .bias("norm", "model.decoder.final_layer_norm", ALWAYS, HIDDEN)
        .add(TensorRule.HEAD, "lm_head.weight", SEPARATE_HEAD, VOCABULARY, HIDDEN).rules;
  }

  /** Everything but the norms of a layer. */
  private RuleList llamaBody(FfnForm form, Presence queryBias) {
    add(TensorRule.EMBED, "model.embed_tokens.weight", ALWAYS, VOCABULARY, HIDDEN);
    linear("layers.N.attention.q", ATTENTION + "q_proj", queryBias, QUERY, HIDDEN);
    linear("layers.N.attention.k", ATTENTION + "k_proj", queryBias, KEY_VALUE, HIDDEN);
    linear("layers.N.attention.v", ATTENTION + "v_proj", queryBias, KEY_VALUE, HIDDEN);
    linear("layers.N.attention.o", ATTENTION + "o_proj", ATTENTION_BIAS, HIDDEN, QUERY);
    if (form == FfnForm.GATED) {
      linear("layers.N.ffn.gate", MLP + "gate_proj", MLP_BIAS, FEED_FORWARD, HIDDEN);
    }
    linear("layers.N.ffn.up", MLP + "up_proj", MLP_BIAS, FEED_FORWARD, HIDDEN);
    linear("layers.N.ffn.down", MLP + "down_proj", MLP_BIAS, HIDDEN, FEED_FORWARD);
    norm("norm", "model.norm", HIDDEN);
    return add(TensorRule.HEAD, "lm_head.weight", SEPARATE_HEAD, VOCABULARY, HIDDEN);
  }

  private RuleList llamaNorms() {
    norm("layers.N.attention.norm", LAYER + "input_layernorm", HIDDEN);
    return norm("layers.N.ffn.norm", LAYER + "post_attention_layernorm", HIDDEN);
  }

  private RuleList sandwichNorms() {
    norm("layers.N.attention.norm", LAYER + "input_layernorm", HIDDEN);
    norm("layers.N.attention.post_norm", LAYER + "post_attention_layernorm", HIDDEN);
    norm("layers.N.ffn.norm", LAYER + "pre_feedforward_layernorm", HIDDEN);
    return norm("layers.N.ffn.post_norm", LAYER + "post_feedforward_layernorm", HIDDEN);
  }

  private RuleList headNorms() {
    norm("layers.N.attention.q_norm", ATTENTION + "q_norm", HEAD_SIZE);
    return norm("layers.N.attention.k_norm", ATTENTION + "k_norm", HEAD_SIZE);
  }

  private RuleList norm(String canonical, String source, Dimension size) {
    rules.add(
        new TensorRule(
            canonical + ".weight", source + ".weight", List.of(size), ALWAYS, norms));
    return this;
  }

  /** A matrix [out, in] and the bias [out] that goes with it. */
  private RuleList linear(
      String canonical, String source, Presence bias, Dimension out, Dimension in) {
    add(canonical + ".weight", source + ".weight", ALWAYS, out, in);
    return bias(canonical, source, bias, out);
  }

  private RuleList bias(String canonical, String source, Presence presence, Dimension size) {
    return add(canonical + ".bias", source + ".bias", presence, size);
  }

  private RuleList add(
      String canonical, String source, Presence presence, Dimension... shape) {
    rules.add(
        new TensorRule(canonical, source, List.of(shape), presence, Conversion.AS_IS));
    return this;
  }
}
