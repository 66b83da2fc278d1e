package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The architectures that can be imported: one entry each in {@link #TABLE}, no code of their own.
 *
 * @param className as in {@code architectures} of config.json
 * @param family as in {@link dev.sluice.storage.store.ModelSpec#architecture()}
 * @param form which projections make the FFN
 * @param keys how its config.json spells what architectures spell differently
 * @param unsaid what holds when config.json lacks a key
 * @param sliding which layers see the latest positions only
 * @param temper factors and caps of embeddings, scores and logits
 * @param flags keys of config.json that, if they are there, must have this value
 * @param rules every tensor that the graph can use
 */
record Architecture(
    String className,
    String family,
    FfnForm form,
    NormKind norm,
    ConfigKeys keys,
    Unsaid unsaid,
    Sliding sliding,
    Temper temper,
    Map<String, Boolean> flags,
    List<TensorRule> rules) {

  /** Keys of config.json for values that each architecture names in its own way. */
  record ConfigKeys(String feedForward, String activation, String normEpsilon) {
    static final ConfigKeys USUAL =
        new ConfigKeys("intermediate_size", "hidden_act", "rms_norm_eps");
  }

  /**
   * What holds when config.json lacks a key.
   *
   * @param theta base of rotary frequencies
   * @param slidingTheta the same in sliding layers; 0 where they are like the others
   * @param rotatedShare of each head; 0 when positions are learned and no key changes that
   * @param normEpsilon 0 when the key must be there
   */
  record Unsaid(
      HeadKind head, double theta, double slidingTheta, double rotatedShare, float normEpsilon) {
    static final Unsaid USUAL = new Unsaid(HeadKind.SEPARATE, 10_000, 0, 1, 0);
    static final Unsaid TIED = new Unsaid(HeadKind.TIED, 10_000, 0, 1, 0);
  }

  /** Which layers slide, where config.json gives a window and does not list them. */
  enum Sliding {
    NONE,
    /** Every layer, whatever is listed. */
    ALL,
    /** From {@code max_window_layers} on, and only if {@code use_sliding_window} is true. */
    UPPER,
    /** All but every second, which is full. */
    ALL_BUT_SECOND,
    /** All but every sixth, or as {@code sliding_window_pattern} says. */
    ALL_BUT_SIXTH
  }

  /** Factors and caps that an architecture puts on embeddings, scores and logits. */
  enum Temper {
    PLAIN,
    /** Embeddings × √hidden, scores / √query_pre_attn_scalar, caps where config.json has them. */
    GEMMA
  }

  private static final ConfigKeys GEMMA_KEYS =
      new ConfigKeys("intermediate_size", "hidden_activation", "rms_norm_eps");
  private static final Map<String, Boolean> GEMMA_FLAGS =
      Map.of("use_bidirectional_attention", false);

  /** Everything that can be imported. A new architecture is a new line here. */
  static final List<Architecture> TABLE =
      List.of(
          usual("ArceeForCausalLM", "arcee", FfnForm.UNGATED, RuleList.llama(FfnForm.UNGATED)),
          usual("LlamaForCausalLM", "llama", FfnForm.GATED, RuleList.llama(FfnForm.GATED)),
          usual("MistralForCausalLM", "mistral", FfnForm.GATED, RuleList.llama(FfnForm.GATED))
              .with(Sliding.ALL),
          usual("Qwen2ForCausalLM", "qwen2", FfnForm.GATED, RuleList.qwen2()).with(Sliding.UPPER),
          usual("Qwen3ForCausalLM", "qwen3", FfnForm.GATED, RuleList.qwen3()).with(Sliding.UPPER),
          usual("BitNetForCausalLM", "bitnet", FfnForm.GATED, RuleList.bitnet())
              .with(new Unsaid(HeadKind.SEPARATE, 500_000, 0, 1, 0)),
          new Architecture(
              "NemotronForCausalLM",
              "nemotron",
              FfnForm.UNGATED,
              NormKind.LAYER,
              new ConfigKeys("intermediate_size", "hidden_act", "norm_eps"),
              new Unsaid(HeadKind.SEPARATE, 10_000, 0, 0.5, 0),
              Sliding.NONE,
              Temper.PLAIN,
              Map.of(),
              RuleList.nemotron()),
          new Architecture(
              "Gemma2ForCausalLM",
              "gemma2",
              FfnForm.GATED,
              NormKind.RMS,
              GEMMA_KEYS,
              Unsaid.TIED,
              Sliding.ALL_BUT_SECOND,
              Temper.GEMMA,
              GEMMA_FLAGS,
              RuleList.gemma2()),
          new Architecture(
              "Gemma3ForCausalLM",
              "gemma3",
              FfnForm.GATED,
              NormKind.RMS,
              GEMMA_KEYS,
              new Unsaid(HeadKind.TIED, 1_000_000, 10_000, 1, 0),
              Sliding.ALL_BUT_SIXTH,
              Temper.GEMMA,
              GEMMA_FLAGS,
              RuleList.gemma3()),
          new Architecture(
              "OPTForCausalLM",
              "opt",
              FfnForm.UNGATED,
              NormKind.LAYER,
              new ConfigKeys("ffn_dim", "activation_function", "layer_norm_eps"),
              new Unsaid(HeadKind.TIED, 0, 0, 0, 1e-5f),
              Sliding.NONE,
              Temper.PLAIN,
              Map.of(
                  "do_layer_norm_before", true,
                  "layer_norm_elementwise_affine", true,
                  "_remove_final_layer_norm", false),
              RuleList.opt()));

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

  /** What spells and leaves unsaid as Llama does. */
  private static Architecture usual(
      String className, String family, FfnForm form, List<TensorRule> rules) {
    return new Architecture(
        className, family, form, NormKind.RMS, ConfigKeys.USUAL, Unsaid.USUAL, Sliding.NONE,
        Temper.PLAIN, Map.of(), rules);
  }

  private Architecture with(Sliding layers) {
    return new Architecture(
        className, family, form, norm, keys, unsaid, layers, temper, flags, rules);
  }

  private Architecture with(Unsaid defaults) {
    return new Architecture(
        className, family, form, norm, keys, defaults, sliding, temper, flags, rules);
  }
}
