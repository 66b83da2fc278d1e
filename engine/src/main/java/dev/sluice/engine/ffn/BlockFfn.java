package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Activations;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.model.FfnOutput;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.ResidentMatrix;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import java.util.Arrays;
import java.util.Optional;

/**
 * One layer's FFN for a block of positions. Activations are neuron-major: value of neuron i at position t is at i·count +
 * t. Mutable buffers; one per thread.
 */
public final class BlockFfn {
  private static final int TILE_NEURONS = 32;

  private final ModelSpec spec;
  private final Kernels kernels;
  private final Model model;
  private final float[][][] biases; // layer, then gate, up, down; empty arrays when the model has none
  private float[] arranged = {};
  private float[] upArranged = {};
  private float[] inner = {};
  private float[] outputs = {};
  private float[] sums = {};
  private float[] group = {};
  private float[] partial = {};
  private final DownColumns[] columns;
  private final Optional<ResidentMatrix[]> gates;
  private final float[] wide;
  private int count;

  /** Buffers for one thread's work on {@code model}. */
  public BlockFfn(Model model) {
    this.model = model;
    this.spec = model.spec();
    this.kernels = model.kernels();
    this.biases = FfnBiases.of(model);
    this.columns = DownColumns.of(model);
    this.gates = ResidentGate.of(model);
    this.wide = new float[TILE_NEURONS * spec.hidden()];
  }

  /** Elements of float32 that buffers for blocks of {@code count} positions hold. */
  static long heapElements(ModelSpec spec, int count) {
    int activations = spec.form() == FfnForm.GATED ? 2 : 1;
    return (long) TILE_NEURONS * spec.hidden()
        + (long) count * (activations * (long) spec.feedForward() + 5L * spec.hidden());
  }

  /** Positions of the current block. */
  public int count() {
    return count;
  }

  /** act(gate) when gated, act(up) otherwise; neurons × count. Valid until the next {@link #activate}. */
  public float[] inner() {
    return inner;
  }

  /** h, the neurons' outputs before their columns; neurons × count. Callers may zero what they hold inactive. */
  public float[] outputs() {
    return outputs;
  }

  /** Computes every neuron's {@link #inner} and {@link #outputs} for {@code count} normed positions. */
  public void activate(LayerWeights weights, float[] normed, int normedOffset, int count) {
    this.count = count;
    int hidden = spec.hidden();
    int neurons = spec.feedForward();
    arranged = grown(arranged, count * hidden);
    inner = grown(inner, neurons * count);
    TensorType type = spec.bundle().inner(spec.form());
    for (int t = 0; t < count; t++) {
      kernels.arrange(type, normed, normedOffset + t * hidden, arranged, t * hidden, hidden);
    }
    TensorType upType = spec.bundle().up();
    float[] upInput = arranged;
    if (upType != type) {
      upArranged = grown(upArranged, count * hidden);
      for (int t = 0; t < count; t++) {
        kernels.arrange(upType, normed, normedOffset + t * hidden, upArranged, t * hidden, hidden);
      }
      upInput = upArranged;
    }
    float[][] bias = biases[weights.layer()];
    boolean gated = spec.form() == FfnForm.GATED;
    if (gated) {
      outputs = grown(outputs, neurons * count);
    } else {
      outputs = inner;
    }
    for (int from = 0; from < neurons; from += TILE_NEURONS) {
      int some = Math.min(TILE_NEURONS, neurons - from);
      for (int i = 0; i < some; i++) {
        widenInner(weights, type, from + i, i * hidden);
      }
      kernels.dotTile(wide, 0, some, arranged, 0, count, inner, from * count, count, hidden);
      addBias(inner, gated ? bias[0] : bias[1], from, some);
      Activations.apply(spec.activation(), inner, from * count, some * count);
      if (gated) {
        for (int i = 0; i < some; i++) {
          kernels.widen(upType, weights.memory(), weights.upOffsetBytes(from + i), wide, i * hidden,
              hidden);
        }
        kernels.dotTile(wide, 0, some, upInput, 0, count, outputs, from * count, count, hidden);
        addBias(outputs, bias[1], from, some);
        for (int i = from * count; i < (from + some) * count; i++) {
          outputs[i] *= inner[i];
        }
      }
    }
  }

  private void widenInner(LayerWeights weights, TensorType type, int neuron, int at) {
    if (gates.isPresent()) {
      ResidentMatrix gate = gates.get()[weights.layer()];
      kernels.widen(type, gate.memory(), gate.rowOffsetBytes(neuron), wide, at, spec.hidden());
    } else {
      kernels.widen(type, weights.memory(), weights.innerOffsetBytes(neuron), wide, at,
          spec.hidden());
    }
  }

  private void addBias(float[] values, float[] bias, int from, int some) {
    if (bias.length > 0) {
      for (int i = from; i < from + some; i++) {
        for (int t = 0; t < count; t++) {
          values[i * count + t] += bias[i];
        }
      }
    }
  }

  /**
   * Adds the FFN's output to the hidden states: columns in ascending neuron order, group by group, so that leaving out
   * neurons with h = 0 changes no bit.
   */
  public void accumulate(LayerWeights weights, float[] x, int xOffset) {
    int hidden = spec.hidden();
    DownColumns layer = columns[weights.layer()];
    TensorType type = layer.type();
    sums = grown(sums, count * hidden);
    group = grown(group, count * hidden);
    Arrays.fill(sums, 0, count * hidden, 0);
    if (layer.isScaled()) {
      partial = grown(partial, count * hidden);
      Arrays.fill(partial, 0, count * hidden, 0);
    }
    int neurons = spec.feedForward();
    FfnOutput output = model.ffnOutput(weights.layer());
    if (output.normsNeurons()) {
      normNeurons(output);
    }
    for (int from = 0; from < neurons; from += layer.groupNeurons()) {
      Arrays.fill(group, 0, count * hidden, 0);
      addGroup(weights, layer, from, Math.min(neurons, from + layer.groupNeurons()));
      kernels.axpy(1f, group, 0, sums, 0, count * hidden);
    }
    for (int t = 0; t < count; t++) {
      kernels.restore(type, sums, t * hidden, arranged, 0, hidden);
      output.add(arranged, x, xOffset + t * hidden, hidden);
    }
  }

  private void addGroup(LayerWeights weights, DownColumns layer, int first, int groupEnd) {
    int hidden = spec.hidden();
    int block = layer.blockNeurons();
    for (int from = first; from < groupEnd; from += block) {
      int end = Math.min(groupEnd, from + block);
      addColumns(weights, layer.type(), from, end, layer.isScaled() ? partial : group);
      for (int t = 0; layer.isScaled() && t < count; t++) {
        float factors = 0;
        for (int i = from; i < end; i++) {
          factors += outputs[i * count + t];
        }
        layer.close(from / block, factors, partial, t * hidden, group, t * hidden, 0, hidden);
      }
    }
  }

  private void addColumns(LayerWeights weights, TensorType type, int first, int end, float[] ys) {
    int hidden = spec.hidden();
    for (int from = first; from < end; from += TILE_NEURONS) {
      int some = Math.min(TILE_NEURONS, end - from);
      for (int i = 0; i < some; i++) {
        kernels.widen(type, weights.memory(), weights.downOffsetBytes(from + i), wide, i * hidden,
            hidden);
      }
      kernels.axpyTile(wide, 0, some, outputs, from * count, count, ys, 0, count, hidden);
    }
  }

  private void normNeurons(FfnOutput output) {
    for (int t = 0; t < count; t++) {
      double squares = 0;
      for (int i = 0; i < spec.feedForward(); i++) {
        double h = outputs[i * count + t];
        squares += h * h;
      }
      float factor = output.factor(squares);
      for (int i = 0; i < spec.feedForward(); i++) {
        outputs[i * count + t] = output.normed(i, outputs[i * count + t], factor);
      }
    }
  }

  private static float[] grown(float[] buffer, int size) {
    return buffer.length >= size ? buffer : new float[size];
  }
}
