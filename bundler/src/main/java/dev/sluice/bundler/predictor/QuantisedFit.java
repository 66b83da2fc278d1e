package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.predictor.QuantisedCopy;
import dev.sluice.storage.predictor.QuantisedCopy.Margin;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Builds a {@link QuantisedCopy} layer by layer. For each sampled input and each truly active neuron it finds the smallest
 * margin κ of a fixed grid at which the copy would have named it; a rule's κ is the smallest that names the recall target's
 * share of active magnitude. One thread calls it; layers are fitted in parallel rows.
 */
public final class QuantisedFit implements PredictorFit {
  /** Share of active output magnitude that margins are calibrated to keep. */
  public static final double DEFAULT_RECALL = 0.997;

  private static final int MARGIN_POSITIONS = 512;
  private static final int COUNTED_POSITIONS = 64; // for the share of neurons that is named
  private static final float KAPPA_STEP = 0.125f;
  private static final int KAPPAS = 49; // 0 .. 6 standard deviations

  private final ModelSpec spec;
  private final double recallTarget;
  private final List<Target> targets;
  private final int chosenTarget;
  private final float[] namedShares;
  private final List<List<PackedRows>> planes = new ArrayList<>();
  private final List<List<Float>> kappas = new ArrayList<>();
  private final int bits;
  private final Arena arena;

  /**
   * A rule and the thresholds that margins are calibrated for.
   *
   * @param cett the CETT target that the thresholds stand for
   * @param thresholds ε per layer; zeros for the exact rule
   */
  public record Target(ActiveRule rule, double cett, float[] thresholds) {}

  /**
   * One layer as float32: what the copy is made from and tested against.
   *
   * @param inner gate rows when gated, up rows otherwise; neurons × hidden
   * @param up up rows when gated, otherwise empty
   * @param innerBias one per neuron, or empty
   * @param upBias one per neuron when gated and biased, or empty
   * @param columnNorms one per neuron
   * @param inputs sampled FFN inputs, positions × hidden
   * @param blockInputs hidden states before attention at the same positions, normed likewise, or empty if nobody looks at them
   * @param previousInputs FFN inputs of the layer before at the same positions, or empty likewise
   */
  public record LayerData(
      float[] inner, float[] up, float[] innerBias, float[] upBias, float[] columnNorms,
      float[] inputs, float[] blockInputs, float[] previousInputs) {}

  /**
   * @param targets at least one
   * @param chosenTarget index of the target at which {@link #namedShares} are counted
   * @param arena for the matrices
   */
  public QuantisedFit(ModelSpec spec, int bits, double recallTarget, List<Target> targets,
      int chosenTarget, Arena arena) {
    this.spec = spec;
    this.bits = bits;
    this.recallTarget = recallTarget;
    this.targets = List.copyOf(targets);
    this.chosenTarget = chosenTarget;
    this.namedShares = new float[spec.layers()];
    this.arena = arena;
    for (int plane = 0; plane < (spec.form() == FfnForm.GATED ? 2 : 1); plane++) {
      planes.add(new ArrayList<>());
    }
    targets.forEach(target -> kappas.add(new ArrayList<>()));
  }

  /** Packs and calibrates the next layer. */
  @Override
  public void addLayer(LayerData recorded) {
    LayerData data = thinned(recorded, spec.hidden());
    int layer = planes.getFirst().size();
    PackedRows inner = pack(data.inner);
    planes.getFirst().add(inner);
    PackedRows up = inner;
    if (planes.size() == 2) {
      up = pack(data.up);
      planes.getLast().add(up);
    }
    double[][] magnitudeAt = calibrate(layer, data, inner, up);
    for (int k = 0; k < targets.size(); k++) {
      kappas.get(k).add(smallestKappa(magnitudeAt[k]));
    }
    namedShares[layer] = namedShare(layer, data, inner, up);
  }

  /** The finished copy. */
  public QuantisedCopy result() {
    List<Margin> margins = new ArrayList<>();
    for (int k = 0; k < targets.size(); k++) {
      margins.add(new Margin(targets.get(k).rule, targets.get(k).cett, kappas.get(k)));
    }
    return new QuantisedCopy(spec.activation(), planes, margins, recallTarget);
  }

  @Override
  public SortedMap<String, byte[]> blobs() {
    return new TreeMap<>(Map.of(StoreKeys.quantised(bits), result().encode()));
  }

  private PackedRows pack(float[] rows) {
    int hidden = spec.hidden();
    int neurons = spec.feedForward();
    MemorySegment memory = arena.allocate((long) neurons * PackedRows.rowBytes(hidden, bits), 64);
    PackedRows packed = new PackedRows(memory, neurons, hidden, bits);
    IntStream.range(0, neurons).parallel().forEach(i -> packed.pack(i, rows, i * hidden));
    return packed;
  }

  /** For each target, active magnitude by the index of the smallest κ that would name it; the last cell is beyond the grid. */
  private double[][] calibrate(int layer, LayerData data, PackedRows inner, PackedRows up) {
    QuantisedCopy judge = new QuantisedCopy(spec.activation(), planes, List.of(), recallTarget);
    int hidden = spec.hidden();
    int samples = data.inputs.length / hidden;
    float[] inputNorms = inputNorms(data, samples);
    double[][][] byNeuron =
        IntStream.range(0, spec.feedForward())
            .parallel()
            .mapToObj(i -> calibrateNeuron(layer, data, inner, up, judge, inputNorms, i))
            .toArray(double[][][]::new);
    // Added in neuron order, so that the result does not depend on how threads share the work.
    double[][] sums = new double[targets.size()][KAPPAS + 1];
    for (double[][] one : byNeuron) {
      for (int target = 0; target < sums.length; target++) {
        for (int at = 0; at <= KAPPAS; at++) {
          sums[target][at] += one[target][at];
        }
      }
    }
    return sums;
  }

  /** Positions that margins are calibrated on, spread over those recorded: they settle one number a layer. */
  private static LayerData thinned(LayerData data, int hidden) {
    int positions = data.inputs.length / hidden;
    int stride = Math.max(1, positions / MARGIN_POSITIONS);
    int kept = (positions + stride - 1) / stride;
    float[] inputs = new float[kept * hidden];
    for (int t = 0; t < kept; t++) {
      System.arraycopy(data.inputs, t * stride * hidden, inputs, t * hidden, hidden);
    }
    return new LayerData(data.inner, data.up, data.innerBias, data.upBias, data.columnNorms,
        inputs, new float[0], new float[0]);
  }

  private double[][] calibrateNeuron(
      int layer, LayerData data, PackedRows inner, PackedRows up, QuantisedCopy judge,
      float[] inputNorms, int neuron) {
    int hidden = spec.hidden();
    boolean gated = planes.size() == 2;
    double[][] result = new double[targets.size()][KAPPAS + 1];
    float[] innerPacked = new float[hidden];
    float[] upPacked = new float[hidden];
    inner.unpack(neuron, innerPacked, 0);
    if (gated) {
      up.unpack(neuron, upPacked, 0);
    }
    float innerBias = data.innerBias.length == 0 ? 0 : data.innerBias[neuron];
    float upBias = data.upBias.length == 0 ? 0 : data.upBias[neuron];
    float norm = data.columnNorms[neuron];
    for (int s = 0; s < inputNorms.length; s++) {
      float act =
          activate(dot(data.inner, neuron * hidden, data.inputs, s * hidden, hidden) + innerBias);
      float h = gated
          ? act * (dot(data.up, neuron * hidden, data.inputs, s * hidden, hidden) + upBias) : act;
      if (h == 0) {
        continue;
      }
      float packedInner = dot(innerPacked, 0, data.inputs, s * hidden, hidden) + innerBias;
      float packedUp = gated ? dot(upPacked, 0, data.inputs, s * hidden, hidden) + upBias : 0;
      float innerError = inputNorms[s] * inner.errorNorm(neuron);
      float upError = inputNorms[s] * up.errorNorm(neuron);
      for (int k = 0; k < targets.size(); k++) {
        Target target = targets.get(k);
        float threshold = target.thresholds[layer];
        float magnitude = Math.abs(h) * norm;
        float compared = target.rule == ActiveRule.GATE ? Math.abs(act) : magnitude;
        if (target.rule == ActiveRule.EXACT || compared >= threshold) {
          int low = 0;
          int high = KAPPAS;
          while (low < high) {
            int middle = (low + high) >>> 1;
            float kappa = middle * KAPPA_STEP;
            if (judge.mayBeActive(
                target.rule, packedInner, kappa * innerError, packedUp, kappa * upError, norm,
                threshold)) {
              high = middle;
            } else {
              low = middle + 1;
            }
          }
          result[k][low] += magnitude;
        }
      }
    }
    return result;
  }

  private float namedShare(int layer, LayerData data, PackedRows inner, PackedRows up) {
    QuantisedCopy judge = new QuantisedCopy(spec.activation(), planes, List.of(), recallTarget);
    Target target = targets.get(chosenTarget);
    float kappa = kappas.get(chosenTarget).get(layer);
    int hidden = spec.hidden();
    int samples = data.inputs.length / hidden;
    float[] inputNorms = inputNorms(data, samples);
    int stride = Math.max(1, samples / COUNTED_POSITIONS);
    long named = IntStream.range(0, spec.feedForward()).parallel().mapToLong(i -> {
      float[] innerRow = new float[hidden];
      float[] upRow = new float[hidden];
      inner.unpack(i, innerRow, 0);
      up.unpack(i, upRow, 0);
      float innerBias = data.innerBias.length == 0 ? 0 : data.innerBias[i];
      float upBias = data.upBias.length == 0 ? 0 : data.upBias[i];
      long count = 0;
      for (int s = 0; s < samples; s += stride) {
        float z = dot(innerRow, 0, data.inputs, s * hidden, hidden) + innerBias;
        float u = dot(upRow, 0, data.inputs, s * hidden, hidden) + upBias;
        float slack = kappa * inputNorms[s];
        count += judge.mayBeActive(target.rule, z, slack * inner.errorNorm(i), u,
            slack * up.errorNorm(i), data.columnNorms[i], target.thresholds[layer]) ? 1 : 0;
      }
      return count;
    }).sum();
    return (float) (named / ((double) spec.feedForward() * Math.ceilDiv(samples, stride)));
  }

  @Override
  public float[] namedShares() {
    return namedShares.clone();
  }

  private float[] inputNorms(LayerData data, int samples) {
    int hidden = spec.hidden();
    float[] norms = new float[samples];
    for (int s = 0; s < samples; s++) {
      double squares = 0;
      for (int j = 0; j < hidden; j++) {
        squares += (double) data.inputs[s * hidden + j] * data.inputs[s * hidden + j];
      }
      norms[s] = (float) Math.sqrt(squares / hidden);
    }
    return norms;
  }

  private float smallestKappa(double[] magnitudeAt) {
    double total = 0;
    for (double magnitude : magnitudeAt) {
      total += magnitude;
    }
    double named = 0;
    for (int k = 0; k < KAPPAS; k++) {
      named += magnitudeAt[k];
      if (named >= recallTarget * total) {
        return k * KAPPA_STEP;
      }
    }
    return KAPPAS * KAPPA_STEP;
  }

  private float activate(float z) {
    return switch (spec.activation()) {
      case RELU -> Math.max(0, z);
      case RELU2 -> Math.max(0, z) * Math.max(0, z);
      case SILU -> (float) (z / (1 + Math.exp(-z)));
      case GELU_TANH ->
          (float) (0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z))));
    };
  }

  private static float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    // Four sums, so that the loop is not one chain of dependent additions.
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    for (int i = 0; i + 3 < n; i += 4) {
      s0 += a[aOffset + i] * b[bOffset + i];
      s1 += a[aOffset + i + 1] * b[bOffset + i + 1];
      s2 += a[aOffset + i + 2] * b[bOffset + i + 2];
      s3 += a[aOffset + i + 3] * b[bOffset + i + 3];
    }
    return s0 + s1 + (s2 + s3);
  }
}
