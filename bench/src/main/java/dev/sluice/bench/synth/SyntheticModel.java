package dev.sluice.bench.synth;

import dev.sluice.bench.synth.GgufHeader.Tensor;
import dev.sluice.storage.tensor.TensorType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model of a shape with planted activity: which tensors its file has and what is in each row. All weights are noise
 * but for three things. Every embedding has the same share of its energy along one direction u of the residual stream.
 * The rest of an embedding has a part that its topic's tokens have in common. A row of up (of gate, in a SwiGLU model) is
 * a unit vector across u, partly its cluster's, minus b · u, where b sets the neuron's rate. Norm weights are 1.
 *
 * <p>What attention and FFN add to the residual stream is small beside the embedding, {@link #ADDED} each, so that the
 * planted statistics hold in all layers; b grows from layer to layer by what they add.
 *
 * <p>Immutable and thread-safe; rows can be made in any order.
 */
final class SyntheticModel implements GgufWriter.RowSource {
  private static final float NORM_EPSILON = 1e-5f;
  private static final float ROPE_BASE = 10_000f;

  /** Energy of an embedding along u. */
  private static final double DIRECTION_SHARE = 0.5;

  /** Root mean square of an embedding's elements; keeps scales of down within float16's normal range. */
  private static final double EMBEDDING_RMS = 16;

  /** Root mean square of what attention or an FFN adds at most, relative to the embedding's. */
  private static final double ADDED = 0.03;

  /** How far from 0 a SwiGLU gate's pre-activations lie: wide enough that silu is nearly relu. */
  private static final double GATE_WIDTH = 4;

  private final ModelShape shape;
  private final Planting planting;
  private final long seed;
  private final String name;
  private final float[] direction;
  private final LayerPlan[] plans;
  private final Map<String, Content> contents = new LinkedHashMap<>();
  private final List<Tensor> tensors = new ArrayList<>();

  /** What the rows of a tensor are. */
  private sealed interface Content {
    /** All 1. */
    record Ones() implements Content {}

    /** Independent noise of a deviation. */
    record Random(int tensor, double deviation) implements Content {}

    record Embeddings() implements Content {}

    /** Rows that decide which neurons fire. */
    record Planted(int layer, double norm) implements Content {}
  }

  SyntheticModel(ModelShape shape, Planting planting, long seed, String name) {
    this.shape = shape;
    this.planting = planting;
    this.seed = seed;
    this.name = name;
    this.direction = new float[shape.hidden()];
    Noise signs = Noise.of(seed, Noise.Purpose.DIRECTION, 0, 0);
    for (int j = 0; j < direction.length; j++) {
      direction[j] = (float) ((signs.next() < 0 ? -1 : 1) / Math.sqrt(direction.length));
    }
    this.plans = new LayerPlan[shape.layers()];
    for (int layer = 0; layer < plans.length; layer++) {
      plans[layer] = LayerPlan.of(planting, shape.feedForward(), seed, layer);
    }
    list();
  }

  private void list() {
    int hidden = shape.hidden();
    int attention = shape.attentionElements();
    int keyValue = shape.keyValueElements();
    double unitRow = 1 / Math.sqrt(hidden);
    double added = ADDED * EMBEDDING_RMS;
    matrix("token_embd.weight", hidden, shape.vocabulary(), new Content.Embeddings());
    for (int layer = 0; layer < shape.layers(); layer++) {
      String block = "blk." + layer + ".";
      ones(block + "attn_norm.weight");
      noise(block + "attn_q.weight", hidden, attention, unitRow);
      noise(block + "attn_k.weight", hidden, keyValue, unitRow);
      noise(block + "attn_v.weight", hidden, keyValue, unitRow);
      noise(block + "attn_output.weight", attention, hidden, added / Math.sqrt(attention));
      ones(block + "ffn_norm.weight");
      switch (shape.ffn()) {
        case RELU2 ->
            matrix(block + "ffn_up.weight", hidden, shape.feedForward(),
                new Content.Planted(layer, 1));
        case SWIGLU -> {
          matrix(block + "ffn_gate.weight", hidden, shape.feedForward(),
              new Content.Planted(layer, GATE_WIDTH));
          noise(block + "ffn_up.weight", hidden, shape.feedForward(), unitRow);
        }
      }
      noise(block + "ffn_down.weight", shape.feedForward(), hidden,
          added / Math.sqrt(shape.feedForward() * meanSquareOfInner()));
    }
    ones("output_norm.weight");
    noise("output.weight", hidden, shape.vocabulary(), unitRow);
  }

  /** E[h²] over neurons and tokens, for pre-activations that are Gaussian over both. */
  private double meanSquareOfInner() {
    double across = 1 - DIRECTION_SHARE;
    double mean = -planting.thresholdMean() * Math.sqrt(across);
    double deviation =
        Math.sqrt(across * (1 + planting.thresholdSpread() * planting.thresholdSpread()));
    return switch (shape.ffn()) {
      case RELU2 -> Gaussian.positiveMoment(mean, deviation, 4);
      case SWIGLU -> // up is independent of gate, with a mean square of 1
          Gaussian.positiveMoment(mean * GATE_WIDTH, deviation * GATE_WIDTH, 2);
    };
  }

  private void ones(String tensor) {
    tensors.add(new Tensor(tensor, TensorType.F32, shape.hidden(), 0));
    contents.put(tensor, new Content.Ones());
  }

  private void noise(String tensor, int rowElements, int rows, double deviation) {
    matrix(tensor, rowElements, rows, new Content.Random(tensors.size(), deviation));
  }

  private void matrix(String tensor, int rowElements, int rows, Content content) {
    tensors.add(new Tensor(tensor, TensorType.Q8_0, rowElements, rows));
    contents.put(tensor, content);
  }

  ModelShape shape() {
    return shape;
  }

  Planting planting() {
    return planting;
  }

  GgufHeader header() {
    String architecture = shape.ffn().architecture();
    SyntheticTokenizer tokenizer = new SyntheticTokenizer(shape.vocabulary());
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("general.architecture", architecture);
    metadata.put("general.name", name);
    metadata.put("general.description", Synthesis.LABEL);
    metadata.put("general.file_type", 7); // mostly Q8_0
    metadata.put("general.quantization_version", 2);
    metadata.put(architecture + ".block_count", shape.layers());
    metadata.put(architecture + ".context_length", shape.context());
    metadata.put(architecture + ".embedding_length", shape.hidden());
    metadata.put(architecture + ".feed_forward_length", shape.feedForward());
    metadata.put(architecture + ".attention.head_count", shape.heads());
    metadata.put(architecture + ".attention.head_count_kv", shape.keyValueHeads());
    metadata.put(architecture + ".attention.key_length", shape.headElements());
    metadata.put(architecture + ".attention.value_length", shape.headElements());
    metadata.put(architecture + ".attention.layer_norm_rms_epsilon", NORM_EPSILON);
    metadata.put(architecture + ".rope.dimension_count", shape.headElements());
    metadata.put(architecture + ".rope.freq_base", ROPE_BASE);
    metadata.put(architecture + ".vocab_size", shape.vocabulary());
    metadata.put("tokenizer.ggml.model", "gpt2");
    metadata.put("tokenizer.ggml.pre", "gpt-2");
    metadata.put("tokenizer.ggml.tokens", tokenizer.tokens());
    metadata.put("tokenizer.ggml.token_type", tokenizer.types());
    metadata.put("tokenizer.ggml.merges", tokenizer.merges());
    metadata.put("tokenizer.ggml.bos_token_id", tokenizer.endToken());
    metadata.put("tokenizer.ggml.eos_token_id", tokenizer.endToken());
    metadata.put("tokenizer.ggml.add_bos_token", false);
    return new GgufHeader(metadata, List.copyOf(tensors));
  }

  @Override
  public void fill(Tensor tensor, int first, int end, ByteBuffer target) {
    switch (contents.get(tensor.name())) {
      case Content.Ones() -> {
        for (int j = 0; j < tensor.rowElements(); j++) {
          target.putFloat(1);
        }
      }
      case Content.Random(int number, double deviation) ->
          Q8Rows.noise(
              Noise.of(seed, Noise.Purpose.TENSOR, number, first),
              (float) deviation, (end - first) * tensor.rowElements(), target);
      case Content.Embeddings() -> {
        float[] row = new float[shape.hidden()];
        for (int token = first; token < end; token++) {
          embed(token, row);
          Q8Rows.quantise(row, target);
        }
      }
      case Content.Planted(int layer, double norm) -> {
        float[] row = new float[shape.hidden()];
        for (int neuron = first; neuron < end; neuron++) {
          plant(layer, neuron, norm, row);
          Q8Rows.quantise(row, target);
        }
      }
    }
  }

  private void embed(int token, float[] row) {
    double across = EMBEDDING_RMS * Math.sqrt(1 - DIRECTION_SHARE);
    Arrays.fill(row, 0);
    Noise.of(seed, Noise.Purpose.TOPIC, TokenLists.topic(token), 0)
        .addTo(row, (float) (across * Math.sqrt(planting.topicShare())));
    Noise.of(seed, Noise.Purpose.TOKEN, token, 0)
        .addTo(row, (float) (across * Math.sqrt(1 - planting.topicShare())));
    double along = EMBEDDING_RMS * Math.sqrt(DIRECTION_SHARE * row.length);
    setAlongDirection(row, (float) along);
  }

  private void plant(int layer, int neuron, double norm, float[] row) {
    LayerPlan plan = plans[layer];
    double unit = norm / Math.sqrt(row.length);
    Arrays.fill(row, 0);
    Noise.of(seed, Noise.Purpose.CLUSTER, layer, plan.clusters()[neuron])
        .addTo(row, (float) (unit * Math.sqrt(planting.clusterShare())));
    Noise.of(seed, Noise.Purpose.NEURON, layer, neuron)
        .addTo(row, (float) (unit * Math.sqrt(1 - planting.clusterShare())));
    // The pre-activation is, times a factor, (what lies across u) − b · (what lies along u); layers before this one
    // have added to the former.
    double across = 1 - DIRECTION_SHARE + layer * ADDED * ADDED;
    double b = plan.thresholds()[neuron] * unit * Math.sqrt(across / DIRECTION_SHARE);
    setAlongDirection(row, (float) -b);
  }

  /** Replaces a row's part along u. */
  private void setAlongDirection(float[] row, float along) {
    float present = 0;
    for (int j = 0; j < row.length; j++) {
      present += row[j] * direction[j];
    }
    float change = along - present;
    for (int j = 0; j < row.length; j++) {
      row[j] += change * direction[j];
    }
  }
}
