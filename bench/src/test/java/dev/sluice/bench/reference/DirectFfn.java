package dev.sluice.bench.reference;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The FFN of a small model by the textbook, in float64, on the inputs that a dense sweep of the product shows (those are
 * tested against the reference's logits). Everything is kept: outputs and columns, so that definitions can be summed out.
 */
final class DirectFfn implements LayerObserver {
  private final ModelSpec spec;
  private final int windowTokens;
  private final float[][] inputs; // layer, tokens × hidden
  private final double[][][] rows; // layer, neuron, [gate] up down
  private final double[][][] inner; // layer, token, neuron: before the activation
  private final double[][][] outputs; // layer, token, neuron

  private DirectFfn(ModelSpec spec, int tokens, int windowTokens) {
    this.spec = spec;
    this.windowTokens = windowTokens;
    inputs = new float[spec.layers()][tokens * spec.hidden()];
    rows = new double[spec.layers()][spec.feedForward()][];
    inner = new double[spec.layers()][tokens][spec.feedForward()];
    outputs = new double[spec.layers()][tokens][spec.feedForward()];
  }

  static DirectFfn of(Store store, int[] tokens, int windowTokens, int windows) {
    DirectFfn direct = new DirectFfn(store.spec(), windows * windowTokens, windowTokens);
    try (Workers workers = new Workers(1);
        Engine engine =
            new Engine(
                store, workers, Backend.AUTO, Activity.exact(store.spec().layers()),
                PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, windowTokens);
      List<Sequence> sequences = new ArrayList<>();
      for (int w = 0; w < windows; w++) {
        sequences.add(
            sweep.window(Arrays.copyOfRange(tokens, w * windowTokens, (w + 1) * windowTokens)));
      }
      sweep.run(sequences, engine.activity(), engine.blockPredictor(), direct);
    }
    direct.compute();
    return direct;
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {
    int hidden = spec.hidden();
    for (int i = 0; i < spec.feedForward(); i++) {
      double[] bundle = new double[spec.rowsPerNeuron() * hidden];
      if (spec.form() == FfnForm.GATED) {
        copyRow(weights, weights.innerOffsetBytes(i), bundle, 0);
      }
      copyRow(weights, weights.upOffsetBytes(i), bundle, bundle.length - 2 * hidden);
      copyRow(weights, weights.downOffsetBytes(i), bundle, bundle.length - hidden);
      rows[weights.layer()][i] = bundle;
    }
  }

  private void copyRow(LayerWeights weights, long at, double[] bundle, int offset) {
    MemorySegment memory = weights.memory();
    for (int j = 0; j < spec.hidden(); j++) {
      bundle[offset + j] =
          switch (spec.bundle().up()) {
            case F32 ->
                memory.get(
                    ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
                    at + 4L * j);
            case F16 -> Float.float16ToFloat(half(memory, at + 2L * j));
            case BF16 -> Float.intBitsToFloat(half(memory, at + 2L * j) << 16);
            default -> throw new IllegalArgumentException("no float type: " + spec.bundle().up());
          };
    }
  }

  private static short half(MemorySegment memory, long at) {
    return memory.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), at);
  }

  @Override
  public synchronized void observe(Block block) {
    int first = block.sequence() * windowTokens + block.firstToken();
    int hidden = spec.hidden();
    System.arraycopy(
        block.normed(), 0, inputs[block.weights().layer()], first * hidden, block.count() * hidden);
  }

  @Override
  public void layerEnds(int layer) {}

  private void compute() {
    int hidden = spec.hidden();
    boolean gated = spec.form() == FfnForm.GATED;
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (int t = 0; t < outputs[layer].length; t++) {
        for (int i = 0; i < spec.feedForward(); i++) {
          double first = dot(rows[layer][i], 0, inputs[layer], t * hidden);
          double act = activate(first);
          inner[layer][t][i] = first;
          outputs[layer][t][i] =
              gated ? act * dot(rows[layer][i], hidden, inputs[layer], t * hidden) : act;
        }
      }
    }
  }

  private double dot(double[] row, int rowOffset, float[] x, int xOffset) {
    double sum = 0;
    for (int j = 0; j < spec.hidden(); j++) {
      sum += row[rowOffset + j] * x[xOffset + j];
    }
    return sum;
  }

  private double activate(double z) {
    return switch (spec.activation()) {
      case RELU -> Math.max(0, z);
      case RELU2 -> Math.max(0, z) * Math.max(0, z);
      case SILU -> z / (1 + Math.exp(-z));
      case GELU_TANH ->
          0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)));
    };
  }

  int tokens() {
    return outputs[0].length;
  }

  float[] inputs(int layer) {
    return inputs[layer];
  }

  /** The pre-activation. */
  double inner(int layer, int token, int neuron) {
    return inner[layer][token][neuron];
  }

  double columnNorm(int layer, int neuron) {
    double[] row = rows[layer][neuron];
    double squares = 0;
    for (int j = row.length - spec.hidden(); j < row.length; j++) {
      squares += row[j] * row[j];
    }
    return Math.sqrt(squares);
  }

  /** |h|·‖column‖. */
  double magnitude(int layer, int token, int neuron) {
    return Math.abs(outputs[layer][token][neuron]) * columnNorm(layer, neuron);
  }

  /** |act(gate)| of a gated model. */
  double gateMagnitude(int layer, int token, int neuron) {
    return Math.abs(activate(inner[layer][token][neuron]));
  }

  /** CETT(ε): mean over tokens of ‖Σ outputs with magnitude below ε‖ / ‖FFN output‖. */
  double cett(int layer, double threshold, ActiveRule rule) {
    int hidden = spec.hidden();
    double mean = 0;
    for (int t = 0; t < tokens(); t++) {
      double[] inactive = new double[hidden];
      double[] all = new double[hidden];
      for (int i = 0; i < spec.feedForward(); i++) {
        double[] row = rows[layer][i];
        double h = outputs[layer][t][i];
        double magnitude =
            rule == ActiveRule.GATE ? gateMagnitude(layer, t, i) : magnitude(layer, t, i);
        for (int j = 0; j < hidden; j++) {
          double product = h * row[row.length - hidden + j];
          all[j] += product;
          inactive[j] += magnitude < threshold ? product : 0;
        }
      }
      mean += norm(inactive) / norm(all) / tokens();
    }
    return mean;
  }

  private static double norm(double[] x) {
    return Math.sqrt(Arrays.stream(x).map(v -> v * v).sum());
  }
}
