package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * What one layer does at the sampled positions, and what a predictor sees of it: inputs standardised by the mean and deviation of those that are fitted
 * to, and neurons' exact pre-activations at some or all of them. The first positions are fitted to; the rest, later text, are held out for
 * offsets, cuts and early stopping. Immutable.
 */
final class LayerSamples {
  /** Few held-out positions settle an offset and a cut; directions of a wide layer want all that can be had. */
  private static final double FITTED_SHARE = 0.75;

  private final ModelSpec spec;
  private final QuantisedFit.LayerData data;
  private final PredictorInput input;
  private final int positions;
  private final int first;
  private final int fitted;
  private final Standardised ffnInputs;
  private final Standardised inputs;
  private final float[] inner; // neurons × positions from first on
  private final float[] partner; // the same; empty when ungated

  /** Knows what neurons do at the held-out positions only: at a wide layer, the rest takes longer than a whole fit. */
  static LayerSamples heldOut(ModelSpec spec, QuantisedFit.LayerData data,
      PredictorInput input) {
    int positions = data.inputs().length / spec.hidden();
    return new LayerSamples(spec, data, input, positions, fittedOf(positions));
  }

  /** Knows what neurons do at every position. */
  static LayerSamples whole(ModelSpec spec, QuantisedFit.LayerData data, PredictorInput input) {
    return new LayerSamples(spec, data, input, data.inputs().length / spec.hidden(), 0);
  }

  private static int fittedOf(int positions) {
    return Math.max(1, (int) (positions * FITTED_SHARE));
  }

  private LayerSamples(ModelSpec spec, QuantisedFit.LayerData data, PredictorInput input,
      int positions, int first) {
    this.spec = spec;
    this.data = data;
    this.input = input;
    int hidden = spec.hidden();
    this.positions = positions;
    this.first = first;
    fitted = fittedOf(positions);
    ffnInputs = Standardised.of(data.inputs(), hidden, fitted);
    inputs = switch (input) {
      case FFN -> ffnInputs;
      case BLOCK -> Standardised.of(data.blockInputs(), hidden, fitted);
      case PREVIOUS_FFN -> Standardised.of(data.previousInputs(), hidden, fitted);
    };
    int known = positions - first;
    float[] columns = Products.transpose(
        Arrays.copyOfRange(data.inputs(), first * hidden, positions * hidden), known, hidden);
    inner = withBias(Products.of(data.inner(), spec.feedForward(), hidden, columns, known),
        data.innerBias());
    partner = spec.form() == FfnForm.GATED
        ? withBias(Products.of(data.up(), spec.feedForward(), hidden, columns, known),
            data.upBias())
        : new float[0];
  }

  private float[] withBias(float[] values, float[] bias) {
    if (bias.length > 0) {
      IntStream.range(0, spec.feedForward()).parallel().forEach(i -> {
        for (int k = i * (positions - first); k < (i + 1) * (positions - first); k++) {
          values[k] += bias[i];
        }
      });
    }
    return values;
  }

  ModelSpec spec() {
    return spec;
  }

  int neurons() {
    return spec.feedForward();
  }

  int hidden() {
    return spec.hidden();
  }

  int positions() {
    return positions;
  }

  /** Positions that are fitted to; those from here on are held out. */
  int fitted() {
    return fitted;
  }

  /** What the predictor sees. */
  PredictorInput input() {
    return input;
  }

  /** That, standardised. */
  Standardised inputs() {
    return inputs;
  }

  /** The FFN's own inputs, standardised. */
  Standardised ffnInputs() {
    return ffnInputs;
  }

  /** The rows that feed the activation function; neurons × hidden. */
  float[] innerRows() {
    return data.inner();
  }

  /** Pre-activation: of gate when gated, of up otherwise; bias included. */
  float inner(int neuron, int position) {
    return inner[at(neuron, position)];
  }

  private int at(int neuron, int position) {
    return neuron * (positions - first) + position - first;
  }

  float columnNorm(int neuron) {
    return data.columnNorms()[neuron];
  }

  /** Root mean square of up x over the known positions; 1 when ungated. */
  float partnerSpread(int neuron) {
    if (partner.length == 0) {
      return 1;
    }
    double squares = 0;
    for (int t = first; t < positions; t++) {
      squares += (double) partner[at(neuron, t)] * partner[at(neuron, t)];
    }
    return (float) Math.sqrt(squares / (positions - first));
  }

  /** |h|·‖column‖. */
  float magnitude(int neuron, int position) {
    float act = activate(spec.activation(), inner(neuron, position));
    float h = partner.length == 0 ? act : act * partner[at(neuron, position)];
    return Math.abs(h) * columnNorm(neuron);
  }

  /** |h|·‖column‖ where the rule holds, otherwise 0. */
  float activeMagnitude(int neuron, int position, ActiveRule rule, float threshold) {
    float magnitude = magnitude(neuron, position);
    boolean active = switch (rule) {
      case EXACT -> true;
      case OUTPUT -> magnitude >= threshold;
      case GATE -> Math.abs(activate(spec.activation(), inner(neuron, position))) >= threshold;
    };
    return active ? magnitude : 0;
  }

  static float activate(Activation activation, float z) {
    return ActivationFunction.of(activation, z);
  }
}
