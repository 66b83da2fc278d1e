package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.BundleFormat.GatePlace;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scales;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import dev.sluice.storage.store.ModelSpec.SlidingWindow;
import dev.sluice.storage.tensor.TensorType;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/**
 * A {@link ModelSpec} as JSON under the catalog's key {@code config}. Members are the record's components in snake case;
 * enums are numbers: norm 1 RMS, 2 LAYER; activation 1 RELU, 2 RELU2, 3 SILU, 4 GELU_TANH; form 1 GATED, 2 UNGATED; head 1
 * TIED, 2 SEPARATE; scaling kind 0 NONE, 1 LINEAR, 2 LLAMA3, 3 YARN; types as {@link TensorType#code()}. Version 1 had no
 * {@code attention}, {@code scales} and {@code attention_factor}: what is absent is plain; and {@code weight_type} for all
 * rows and columns in place of {@code bundle}. Versions 1 and 2 had no {@code gate_place}: gate rows are in bundles.
 */
final class SpecFormat {
  static final int MAX_LAYERS = 4096;
  static final int MAX_HIDDEN = 1 << 18;
  static final int MAX_FEED_FORWARD = 1 << 22;
  static final int MAX_HEADS = 1 << 12;
  static final int MAX_VOCABULARY = 1 << 24;
  static final int MAX_CONTEXT = 1 << 28;
  static final int MAX_END_IDS = 1024;
  static final int MAX_NAME = 100;

  private SpecFormat() {}

  static byte[] encode(ModelSpec spec) {
    ObjectNode json = JsonFields.newObject();
    json.put("architecture", spec.architecture());
    json.put("layers", spec.layers());
    json.put("hidden", spec.hidden());
    json.put("feed_forward", spec.feedForward());
    json.put("heads", spec.heads());
    json.put("kv_heads", spec.kvHeads());
    json.put("head_size", spec.headSize());
    json.put("vocabulary", spec.vocabulary());
    json.put("context_length", spec.contextLength());
    json.put("norm", code(spec.norm()));
    json.put("norm_epsilon", (double) spec.normEpsilon());
    json.put("activation", code(spec.activation()));
    json.put("form", code(spec.form()));
    encode(spec.rope(), json.putObject("rope"));
    json.put("head", code(spec.head()));
    ObjectNode bundle = json.putObject("bundle");
    bundle.put("gate", spec.bundle().gate().code());
    bundle.put("up", spec.bundle().up().code());
    bundle.put("down", spec.bundle().down().code());
    bundle.put("block_neurons", spec.bundle().blockNeurons());
    bundle.put("gate_place", spec.bundle().gatePlace().code());
    spec.endOfTextIds().forEach(json.putArray("end_of_text_ids")::add);
    ObjectNode attention = json.putObject("attention");
    attention.put("score_scale", (double) spec.attention().scoreScale());
    attention.put("score_cap", (double) spec.attention().scoreCap());
    SlidingWindow sliding = spec.attention().window();
    ObjectNode window = attention.putObject("window");
    window.put("positions", sliding.positions());
    sliding.layers().forEach(window.putArray("layers")::add);
    encode(sliding.rope(), window.putObject("rope"));
    ObjectNode scales = json.putObject("scales");
    scales.put("embedding", (double) spec.scales().embedding());
    scales.put("logits", (double) spec.scales().logits());
    scales.put("logit_cap", (double) spec.scales().logitCap());
    return JsonFields.write(json);
  }

  private static void encode(Rope rope, ObjectNode json) {
    json.put("theta", rope.theta());
    json.put("rotated_size", rope.rotatedSize());
    ObjectNode scaling = json.putObject("scaling");
    scaling.put("kind", code(rope.scaling().kind()));
    scaling.put("factor", rope.scaling().factor());
    scaling.put("low_frequency_factor", rope.scaling().lowFrequencyFactor());
    scaling.put("high_frequency_factor", rope.scaling().highFrequencyFactor());
    scaling.put("original_context", rope.scaling().originalContext());
    scaling.put("attention_factor", rope.scaling().attentionFactor());
  }

  static ModelSpec decode(Object where, byte[] bytes) {
    JsonFields json = JsonFields.parse(where, bytes);
    try {
      int headSize = json.intIn("head_size", 1, MAX_HIDDEN);
      return check(
          where,
          new ModelSpec(
              json.string("architecture", MAX_NAME),
              json.intIn("layers", 1, MAX_LAYERS),
              json.intIn("hidden", 1, MAX_HIDDEN),
              json.intIn("feed_forward", 1, MAX_FEED_FORWARD),
              json.intIn("heads", 1, MAX_HEADS),
              json.intIn("kv_heads", 1, MAX_HEADS),
              headSize,
              json.intIn("vocabulary", 1, MAX_VOCABULARY),
              json.intIn("context_length", 1, MAX_CONTEXT),
              norm(json.intIn("norm", 0, 255)),
              (float) json.finite("norm_epsilon"),
              activation(json.intIn("activation", 0, 255)),
              form(json.intIn("form", 0, 255)),
              rope(json.fields("rope")),
              head(json.intIn("head", 0, 255)),
              bundle(json),
              json.ints("end_of_text_ids", MAX_END_IDS, 0, MAX_VOCABULARY),
              json.optionalFields("attention")
                  .map(SpecFormat::attention)
                  .orElse(AttentionForm.plain(headSize)),
              json.optionalFields("scales").map(SpecFormat::scales).orElse(Scales.NONE)));
    } catch (IllegalArgumentException e) {
      throw StoreFormat.damaged(where, e.getMessage());
    }
  }

  private static BundleFormat bundle(JsonFields json) {
    if (json.has("weight_type")) {
      return BundleFormat.of(TensorType.ofCode(json.intIn("weight_type", 0, 255)));
    }
    JsonFields bundle = json.fields("bundle");
    return new BundleFormat(
        TensorType.ofCode(bundle.intIn("gate", 0, 255)),
        TensorType.ofCode(bundle.intIn("up", 0, 255)),
        TensorType.ofCode(bundle.intIn("down", 0, 255)),
        bundle.intIn("block_neurons", 0, MAX_FEED_FORWARD),
        bundle.has("gate_place")
            ? GatePlace.ofCode(bundle.intIn("gate_place", 0, 255))
            : GatePlace.BUNDLE);
  }

  private static AttentionForm attention(JsonFields json) {
    JsonFields window = json.fields("window");
    return new AttentionForm(
        (float) json.finite("score_scale"),
        (float) json.finite("score_cap"),
        new SlidingWindow(
            window.intIn("positions", 0, MAX_CONTEXT),
            window.ints("layers", MAX_LAYERS, 0, MAX_LAYERS),
            rope(window.fields("rope"))));
  }

  private static Scales scales(JsonFields json) {
    return new Scales(
        (float) json.finite("embedding"),
        (float) json.finite("logits"),
        (float) json.finite("logit_cap"));
  }

  private static Rope rope(JsonFields json) {
    JsonFields scaling = json.fields("scaling");
    return new Rope(
        json.finite("theta"),
        json.intIn("rotated_size", 0, MAX_HIDDEN),
        new Scaling(
            scalingKind(scaling.intIn("kind", 0, 255)),
            scaling.finite("factor"),
            scaling.finite("low_frequency_factor"),
            scaling.finite("high_frequency_factor"),
            scaling.intIn("original_context", 0, MAX_CONTEXT),
            scaling.has("attention_factor") ? scaling.finite("attention_factor") : 1));
  }

  /**
   * Refuses shapes that no model has, before anything is allocated from them.
   *
   * @return {@code spec}
   */
  static ModelSpec check(Object where, ModelSpec spec) {
    limit(where, "layers", spec.layers(), 1, MAX_LAYERS);
    limit(where, "hidden", spec.hidden(), 1, MAX_HIDDEN);
    limit(where, "feed-forward neurons", spec.feedForward(), 1, MAX_FEED_FORWARD);
    limit(where, "heads", spec.heads(), 1, MAX_HEADS);
    limit(where, "key-value heads", spec.kvHeads(), 1, spec.heads());
    limit(where, "head size", spec.headSize(), 1, MAX_HIDDEN);
    limit(where, "vocabulary", spec.vocabulary(), 1, MAX_VOCABULARY);
    limit(where, "context length", spec.contextLength(), 1, MAX_CONTEXT);
    check(where, spec.rope(), spec.headSize());
    check(where, spec.attention(), spec);
    check(where, spec.scales());
    limit(where, "end-of-text ids", spec.endOfTextIds().size(), 0, MAX_END_IDS);
    limit(where, "length of the architecture's name", spec.architecture().length(), 0, MAX_NAME);
    for (int id : spec.endOfTextIds()) {
      limit(where, "end-of-text id", id, 0, MAX_VOCABULARY);
    }
    if (spec.heads() % spec.kvHeads() != 0) {
      throw unusable(where, spec.heads() + " heads cannot share " + spec.kvHeads() + " kv heads");
    }
    for (TensorType type : List.of(spec.bundle().gate(), spec.bundle().up(),
        spec.bundle().down())) {
      if (spec.hidden() % type.blockElements() != 0) {
        throw unusable(where, "rows of " + spec.hidden() + " elements cannot have type " + type);
      }
    }
    if (spec.hasResidentGate() && spec.form() != FfnForm.GATED) {
      throw unusable(where, "gate rows are resident where there are none");
    }
    if (!(spec.normEpsilon() >= 0) || !Float.isFinite(spec.normEpsilon())) {
      throw unusable(where, "norm epsilon is " + spec.normEpsilon());
    }
    return spec;
  }

  private static void check(Object where, Rope rope, int headSize) {
    Scaling scaling = rope.scaling();
    limit(where, "rotated size", rope.rotatedSize(), 0, headSize);
    limit(where, "original context", scaling.originalContext(), 0, MAX_CONTEXT);
    boolean finite =
        Double.isFinite(rope.theta())
            && Double.isFinite(scaling.factor())
            && Double.isFinite(scaling.lowFrequencyFactor())
            && Double.isFinite(scaling.highFrequencyFactor())
            && Double.isFinite(scaling.attentionFactor());
    if (!finite) {
      throw unusable(where, "a rotary frequency is not finite");
    }
    boolean sound =
        switch (scaling.kind()) {
          case NONE -> true;
          case LINEAR -> scaling.factor() > 0;
          case LLAMA3, YARN ->
              scaling.factor() > 0
                  && scaling.lowFrequencyFactor() > 0
                  && scaling.highFrequencyFactor() > scaling.lowFrequencyFactor()
                  && scaling.originalContext() > 0;
        };
    if (!sound || scaling.attentionFactor() <= 0 || (rope.rotatedSize() > 0 && rope.theta() <= 0)) {
      throw unusable(where, "rotary frequencies cannot be made of " + rope);
    }
  }

  private static void check(Object where, AttentionForm attention, ModelSpec spec) {
    requirePositive(where, "the scale of scores", attention.scoreScale());
    requireCap(where, "the cap of scores", attention.scoreCap());
    SlidingWindow window = attention.window();
    check(where, window.rope(), spec.headSize());
    limit(where, "sliding window", window.positions(), window.layers().isEmpty() ? 0 : 1,
        MAX_CONTEXT);
    int last = -1;
    for (int layer : window.layers()) {
      limit(where, "a layer with a sliding window", layer, last + 1, spec.layers() - 1);
      last = layer;
    }
  }

  private static void check(Object where, Scales scales) {
    requirePositive(where, "the scale of embeddings", scales.embedding());
    requirePositive(where, "the scale of logits", scales.logits());
    requireCap(where, "the cap of logits", scales.logitCap());
  }

  private static void requirePositive(Object where, String what, float value) {
    if (!(value > 0) || !Float.isFinite(value)) {
      throw unusable(where, what + " is " + value);
    }
  }

  private static void requireCap(Object where, String what, float value) {
    if (!(value >= 0) || !Float.isFinite(value)) {
      throw unusable(where, what + " is " + value);
    }
  }

  private static void limit(Object where, String what, int value, int min, int max) {
    if (value < min || value > max) {
      throw unusable(where, what + " is " + value + ", not from " + min + " to " + max);
    }
  }

  private static BadInputException unusable(Object where, String cause) {
    return new BadInputException(where, cause, "check the model's configuration");
  }

  private static int code(NormKind norm) {
    return switch (norm) {
      case RMS -> 1;
      case LAYER -> 2;
    };
  }

  private static NormKind norm(int code) {
    return switch (code) {
      case 1 -> NormKind.RMS;
      case 2 -> NormKind.LAYER;
      default -> throw new IllegalArgumentException("unknown norm code " + code);
    };
  }

  private static int code(Activation activation) {
    return switch (activation) {
      case RELU -> 1;
      case RELU2 -> 2;
      case SILU -> 3;
      case GELU_TANH -> 4;
    };
  }

  private static Activation activation(int code) {
    return switch (code) {
      case 1 -> Activation.RELU;
      case 2 -> Activation.RELU2;
      case 3 -> Activation.SILU;
      case 4 -> Activation.GELU_TANH;
      default -> throw new IllegalArgumentException("unknown activation code " + code);
    };
  }

  private static int code(FfnForm form) {
    return switch (form) {
      case GATED -> 1;
      case UNGATED -> 2;
    };
  }

  private static FfnForm form(int code) {
    return switch (code) {
      case 1 -> FfnForm.GATED;
      case 2 -> FfnForm.UNGATED;
      default -> throw new IllegalArgumentException("unknown FFN form code " + code);
    };
  }

  private static int code(HeadKind head) {
    return switch (head) {
      case TIED -> 1;
      case SEPARATE -> 2;
    };
  }

  private static HeadKind head(int code) {
    return switch (code) {
      case 1 -> HeadKind.TIED;
      case 2 -> HeadKind.SEPARATE;
      default -> throw new IllegalArgumentException("unknown head code " + code);
    };
  }

  private static int code(ScalingKind kind) {
    return switch (kind) {
      case NONE -> 0;
      case LINEAR -> 1;
      case LLAMA3 -> 2;
      case YARN -> 3;
    };
  }

  private static ScalingKind scalingKind(int code) {
    return switch (code) {
      case 0 -> ScalingKind.NONE;
      case 1 -> ScalingKind.LINEAR;
      case 2 -> ScalingKind.LLAMA3;
      case 3 -> ScalingKind.YARN;
      default -> throw new IllegalArgumentException("unknown rotary scaling code " + code);
    };
  }
}
