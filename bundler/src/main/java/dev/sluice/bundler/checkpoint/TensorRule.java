package dev.sluice.bundler.checkpoint;

import java.util.List;
import java.util.Optional;

/**
 * How one kind of checkpoint tensor is named, shaped and called in a store. Names of per-layer
 * tensors hold {@code .N.} where the layer number goes.
 *
 * @param canonical name in the store; the three {@code FFN_*} names go into bundles instead
 * @param source name in the checkpoint
 * @param shape in the checkpoint, outermost dimension first
 */
record TensorRule(
    String canonical,
    String source,
    List<Dimension> shape,
    Presence presence,
    Conversion conversion) {
  static final String EMBED = "embed";
  static final String POSITIONS = "positions";
  static final String HEAD = "head";
  static final String FFN_GATE = "layers.N.ffn.gate.weight";
  static final String FFN_UP = "layers.N.ffn.up.weight";
  static final String FFN_DOWN = "layers.N.ffn.down.weight";

  /** What a dimension counts; the configuration gives the number. */
  enum Dimension {
    HIDDEN,
    VOCABULARY,
    FEED_FORWARD,
    /** heads × head size. */
    QUERY,
    /** key and value heads × head size. */
    KEY_VALUE,
    /** Elements of one head. */
    HEAD_SIZE,
    /** Positions of the context and two that nothing uses. */
    LEARNED_POSITIONS
  }

  /** When a checkpoint must have the tensor; otherwise it must not. */
  enum Presence {
    ALWAYS(""),
    ATTENTION_BIAS("attention_bias"),
    MLP_BIAS("mlp_bias"),
    /** OPT's word for both, which holds unless denied. */
    ENABLE_BIAS("enable_bias"),
    SEPARATE_HEAD("tie_word_embeddings");

    private final String key;

    Presence(String key) {
      this.key = key;
    }

    /** The key of config.json that decides, if one does. */
    Optional<String> key() {
      return key.isEmpty() ? Optional.empty() : Optional.of(key);
    }
  }

  TensorRule {
    shape = List.copyOf(shape);
  }

  boolean perLayer() {
    return source.contains(".N.");
  }

  boolean inBundle() {
    return canonical.equals(FFN_GATE) || canonical.equals(FFN_UP) || canonical.equals(FFN_DOWN);
  }

  String canonicalName(int layer) {
    return canonical.replace(".N.", "." + layer + ".");
  }

  String sourceName(int layer) {
    return source.replace(".N.", "." + layer + ".");
  }
}
