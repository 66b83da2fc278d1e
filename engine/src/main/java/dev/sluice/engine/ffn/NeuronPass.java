package dev.sluice.engine.ffn;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.model.FfnOutput;
import dev.sluice.engine.model.Model;
import dev.sluice.engine.model.ResidentMatrix;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.tensor.TensorType;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;

/**
 * One token's arithmetic over bundles that lie anywhere in memory: h of each neuron as its bundle comes, then the sum of
 * columns in neuron order, group by group (see {@link DownColumns}), so that the result depends on the active set alone.
 * Several threads may compute different neurons at once; columns are shared out among the workers by group. Otherwise
 * mutable, one caller at a time.
 */
final class NeuronPass {
  // Below this many weight bytes a second thread costs more than it brings.
  private static final long PARALLEL_BYTES = 256 << 10;

  private final Model model;
  private final ModelSpec spec;
  private final Kernels kernels;
  private final Workers workers;
  private final Activity activity;
  private final float[][] columnNorms;
  private final float[][][] biases;
  private final DownColumns[] columns;
  private final MemorySegment memory;
  private final Optional<ResidentMatrix[]> gates; // where gate rows are not in bundles
  private final TensorType innerType;
  private final TensorType upType;
  private final boolean gated;
  private final int upStart; // of the up row in a bundle
  private final int downStart;
  private final long rowsBytes; // of a bundle's rows
  private final long columnBytes;

  private final float[] innerInput;
  private final float[] upInput; // the same array where both types arrange alike
  private final Int8Vector bytes; // the same input, for the rows that take it so
  private final boolean innerInt8;
  private final boolean upInt8;
  private int layer;

  // Queued neurons, then what became of them.
  private int queued;
  private final int[] neuron;
  private final long[] innerAt; // of a bundle
  private final long[] gateAt; // of a resident gate row
  private final float[] inner;
  private final float[] h;
  private final int[] passing; // of a chunk, those whose up row is needed
  private final long[] upAt;
  private final float[] up;

  private final long[] active; // bitmap in neuron order
  private final float[] output;
  private final long[] bundleAt;
  private final int[] summed;
  private final float[] factors;
  private final long[] columnAt;
  private final int groupNeurons;
  private final int[] groupFirst; // of summed, and one more
  private final float[][] partial; // of each group, as the next
  private final float[][] groupSum;
  private final float[] sum;
  private final float[] restored;

  /**
   * @param columnNorms layer × neuron; may be zeros with the exact and gate rules
   * @param memory holds all bundles that will be named
   */
  NeuronPass(Model model, Activity activity, float[][] columnNorms, MemorySegment memory,
      Workers workers) {
    this.model = model;
    this.spec = model.spec();
    this.kernels = model.kernels();
    this.workers = workers;
    this.activity = activity;
    this.columnNorms = columnNorms;
    this.biases = FfnBiases.of(model);
    this.columns = DownColumns.of(model);
    this.memory = memory;
    this.gates = ResidentGate.of(model);
    int hidden = spec.hidden();
    gated = spec.form() == FfnForm.GATED;
    innerType = spec.bundle().inner(spec.form());
    upType = spec.bundle().up();
    upStart = spec.bundle().upOffsetBytes(spec.form(), hidden);
    downStart = spec.bundle().downOffsetBytes(spec.form(), hidden);
    rowsBytes = downStart;
    columnBytes = spec.bundle().downBytes(hidden);
    innerInput = new float[hidden];
    upInput = upType == innerType ? innerInput : new float[hidden];
    innerInt8 = model.precision().isInt8For(innerType, hidden);
    upInt8 = model.precision().isInt8For(upType, hidden);
    bytes = new Int8Vector(innerInt8 || upInt8 ? hidden : 0);
    int neurons = spec.feedForward();
    neuron = new int[neurons];
    innerAt = new long[neurons];
    gateAt = new long[gates.isPresent() ? neurons : 0];
    inner = new float[neurons];
    h = gated ? new float[neurons] : inner;
    passing = new int[neurons];
    upAt = new long[neurons];
    up = new float[gated ? neurons : 0];
    active = new long[(neurons + 63) / 64];
    output = new float[neurons];
    bundleAt = new long[neurons];
    summed = new int[neurons];
    factors = new float[neurons];
    columnAt = new long[neurons];
    groupNeurons = columns[0].groupNeurons(); // the same in all layers
    int groups = Math.ceilDiv(neurons, groupNeurons);
    groupFirst = new int[groups + 1];
    partial = new float[groups][hidden];
    groupSum = new float[groups][hidden];
    sum = new float[hidden];
    restored = new float[hidden];
  }

  /** Starts a layer. */
  void begin(int layer, float[] normed) {
    this.layer = layer;
    for (float[] ofGroup : groupSum) {
      Arrays.fill(ofGroup, 0);
    }
    queued = 0;
    if (innerInt8 || upInt8) {
      kernels.quantise(normed, 0, spec.hidden(), bytes);
    }
    kernels.arrange(innerType, normed, 0, innerInput, 0, spec.hidden());
    if (upType != innerType) {
      kernels.arrange(upType, normed, 0, upInput, 0, spec.hidden());
    }
  }

  /** Queues a neuron whose bundle begins at {@code offsetBytes}, each at most once a layer; returns its place in the queue. */
  int add(int neuron, long offsetBytes) {
    this.neuron[queued] = neuron;
    innerAt[queued] = offsetBytes;
    return queued++;
  }

  /** How many are queued. */
  int queued() {
    return queued;
  }

  /** Whether the rows of so many neurons are worth the team's while. */
  boolean isShared(int neurons) {
    return neurons * rowsBytes >= PARALLEL_BYTES && workers.threads() > 1;
  }

  /** Of those in places {@code from} to {@code to} of the queue, how many turned out active. */
  int fired(int from, int to) {
    int fired = 0;
    for (int k = from; k < to; k++) {
      fired += h[k] != 0 ? 1 : 0;
    }
    return fired;
  }

  /**
   * Computes h of those in places {@code from} to {@code to} of the queue, each of which is to be computed once; 0 where the
   * rule does not hold. Other threads may compute others meanwhile.
   */
  void compute(int from, int to) {
    int hidden = spec.hidden();
    int count = to - from;
    float[][] bias = biases[layer];
    MemorySegment rows = memory;
    long[] rowsAt = innerAt;
    if (gates.isPresent()) {
      ResidentMatrix gate = gates.get()[layer];
      for (int k = from; k < to; k++) {
        gateAt[k] = gate.rowOffsetBytes(neuron[k]);
      }
      rows = gate.memory();
      rowsAt = gateAt;
    }
    if (innerInt8) {
      kernels.dotsAt(innerType, rows, rowsAt, from, count, bytes, inner, from);
    } else {
      kernels.dotsAt(innerType, rows, rowsAt, from, count, innerInput, 0, inner, from, hidden);
    }
    addBias(gated ? bias[0] : bias[1], inner, from, to);
    kernels.activate(spec.activation(), inner, from, count);
    if (gated) {
      multiplyUp(from, to);
    }
    float[] norms = columnNorms[layer];
    for (int k = from; k < to; k++) {
      if (!activity.holds(layer, inner[k], h[k], norms[neuron[k]])) {
        h[k] = 0;
      }
    }
  }

  /** h = up · inner; by the gate rule only where the gate passes. */
  private void multiplyUp(int from, int to) {
    boolean byGate = activity.rule() == ActiveRule.GATE;
    float threshold = activity.thresholds()[layer];
    int count = 0;
    for (int k = from; k < to; k++) {
      h[k] = 0;
      if (!byGate || Math.abs(inner[k]) >= threshold) {
        passing[from + count] = k;
        upAt[from + count++] = innerAt[k] + upStart;
      }
    }
    if (upInt8) {
      kernels.dotsAt(upType, memory, upAt, from, count, bytes, up, from);
    } else {
      kernels.dotsAt(upType, memory, upAt, from, count, upInput, 0, up, from, spec.hidden());
    }
    float[] bias = biases[layer][1];
    for (int p = from; p < from + count; p++) {
      int k = passing[p];
      float value = bias.length > 0 ? up[p] + bias[neuron[k]] : up[p];
      h[k] = value * inner[k];
    }
  }

  private void addBias(float[] bias, float[] values, int from, int to) {
    if (bias.length > 0) {
      for (int k = from; k < to; k++) {
        values[k] += bias[neuron[k]];
      }
    }
  }

  /**
   * Adds h · column of those queued that are active to the layer's sum and empties the queue, so that their bundles may go.
   * What is queued after that must be of neurons behind these, in another of {@link DownColumns#blockNeurons}.
   *
   * @return how many are active
   */
  int sum() {
    int count = 0;
    FfnOutput layerOutput = model.ffnOutput(layer);
    Arrays.fill(active, 0);
    for (int k = 0; k < queued; k++) {
      if (h[k] != 0) {
        int i = neuron[k];
        output[i] = h[k];
        bundleAt[i] = innerAt[k];
        active[i >>> 6] |= 1L << i;
      }
    }
    queued = 0;
    for (int w = 0; w < active.length; w++) {
      for (long bits = active[w]; bits != 0; bits &= bits - 1) {
        int i = w * 64 + Long.numberOfTrailingZeros(bits);
        summed[count] = i;
        factors[count] = output[i];
        columnAt[count++] = bundleAt[i] + downStart;
      }
    }
    if (layerOutput.normsNeurons()) {
      normFactors(layerOutput, count);
    }
    DownColumns down = columns[layer];
    int groups = groupSum.length;
    for (int group = 0, k = 0; group < groups; group++) {
      groupFirst[group] = k;
      while (k < count && summed[k] / groupNeurons == group) {
        k++;
      }
    }
    groupFirst[groups] = count;
    if (count * columnBytes < PARALLEL_BYTES) {
      for (int group = 0; group < groups; group++) {
        sumGroup(down, group);
      }
    } else {
      workers.parallelFor(groups, group -> sumGroup(down, group));
    }
    return count;
  }

  private void sumGroup(DownColumns down, int group) {
    int first = groupFirst[group];
    down.add(first, groupFirst[group + 1] - first, summed, factors, memory, columnAt,
        partial[group], groupSum[group]);
  }

  /** Adds the layer's sum to {@code x}. */
  void finish(float[] x) {
    int hidden = spec.hidden();
    Arrays.fill(sum, 0);
    for (float[] ofGroup : groupSum) {
      kernels.axpy(1f, ofGroup, 0, sum, 0, hidden);
    }
    kernels.restore(columns[layer].type(), sum, 0, restored, 0, hidden);
    model.ffnOutput(layer).add(restored, x, 0, hidden);
  }

  /** What is left out counts as 0 in the mean square, as the norm of the layer's output says. */
  private void normFactors(FfnOutput layerOutput, int count) {
    double squares = 0;
    for (int k = 0; k < count; k++) {
      double value = factors[k];
      squares += value * value;
    }
    float factor = layerOutput.factor(squares);
    for (int k = 0; k < count; k++) {
      factors[k] = layerOutput.normed(summed[k], factors[k], factor);
    }
  }
}
