package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.CascadeLayer;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.StoreKeys;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * A low-rank estimate that rules most neurons out, and a low-bit row for the others. The two are mixed as least squares on
 * held-out positions say, and the mixture's cuts are calibrated on what the first lets through, so that both together keep
 * the recall target.
 */
public final class CascadeFit implements PredictorFit {
  /** Of the magnitude that may be lost, what the first may lose. */
  private static final double FIRST_LOSS = 0.25;

  private final ModelSpec spec;
  private final String name;
  private final int rank;
  private final int bits;
  private final double recallTarget;
  private final List<QuantisedFit.Target> targets;
  private final int chosenTarget;
  private final long seed;
  private final float[] namedShares;
  private final SortedMap<String, byte[]> blobs = new TreeMap<>();
  private int layer;

  /** Parameters as in {@link LowRankFit} and {@link QuantisedFit}. */
  public CascadeFit(ModelSpec spec, int rank, int bits, double recallTarget,
      List<QuantisedFit.Target> targets, int chosenTarget, long seed) {
    this.spec = spec;
    this.name = "cascade-" + rank + "-" + bits;
    this.rank = Math.min(rank, Math.min(spec.hidden(), spec.feedForward()));
    this.bits = bits;
    this.recallTarget = recallTarget;
    this.targets = List.copyOf(targets);
    this.chosenTarget = chosenTarget;
    this.seed = seed;
    this.namedShares = new float[spec.layers()];
  }

  @Override
  public void addLayer(QuantisedFit.LayerData data) {
    LayerSamples samples = LayerSamples.heldOut(spec, data, PredictorInput.FFN);
    try (Arena arena = Arena.ofShared()) {
      LowRankMatrices matrices = LowRankMatrices.of(samples, rank, seed + layer, arena);
      LowRankMatrices.Estimates estimates = matrices.estimates(samples, rank);
      PackedRows copy = pack(data.inner(), arena);
      Mixture mixture = Mixture.of(samples, estimates.scores(), products(samples, copy, data));
      List<ActivityCuts> first = new ArrayList<>();
      List<ActivityCuts> mixed = new ArrayList<>();
      for (QuantisedFit.Target target : targets) {
        calibrate(samples, target, estimates, mixture, first, mixed);
      }
      LowRankLayer low =
          new LowRankLayer(Middle.LINEAR, samples.inputs().centre(), samples.inputs().sharpness(),
              matrices.inward(), new float[rank], matrices.outward(), estimates.offsets(), first,
              recallTarget);
      blobs.put(StoreKeys.predictorLayer(name, layer),
          new CascadeLayer(low, copy, mixture.offsets, mixture.weights, mixed).encode());
    }
    layer++;
  }

  private void calibrate(LayerSamples samples, QuantisedFit.Target target,
      LowRankMatrices.Estimates estimates, Mixture mixture, List<ActivityCuts> first,
      List<ActivityCuts> mixed) {
    int held = samples.positions() - samples.fitted();
    float threshold = target.thresholds()[layer];
    Worth alone = new EstimatedWorth(samples, target, threshold, estimates.scores(), held,
        estimates.errors());
    ActivityCuts rough = CutCalibration.calibrate(samples, target, threshold, estimates.scores(),
        alone, 1 - FIRST_LOSS * (1 - recallTarget)).cuts();
    Worth together = new EstimatedWorth(samples, target, threshold, mixture.scores, held,
        mixture.errors);
    float[] left = mixture.scores.clone();
    for (int i = 0; i < samples.neurons(); i++) {
      for (int at = i * held; at < (i + 1) * held; at++) {
        // What the first rules out is lost whatever the mixture would say.
        left[at] = rough.names(i, estimates.scores()[at]) ? left[at] : Float.NEGATIVE_INFINITY;
      }
    }
    first.add(rough);
    CutCalibration.Calibrated calibrated =
        CutCalibration.calibrate(samples, target, threshold, left, together, recallTarget);
    mixed.add(calibrated.cuts());
    if (target.equals(targets.get(chosenTarget))) {
      namedShares[layer] = (float) calibrated.predictedShare();
    }
  }

  private PackedRows pack(float[] rows, Arena arena) {
    int hidden = spec.hidden();
    int neurons = spec.feedForward();
    PackedRows packed = new PackedRows(
        arena.allocate((long) neurons * PackedRows.rowBytes(hidden, bits), 64), neurons, hidden,
        bits);
    IntStream.range(0, neurons).parallel().forEach(i -> packed.pack(i, rows, i * hidden));
    return packed;
  }

  /** The copy's products with held-out inputs, neurons × held-out positions. */
  private float[] products(LayerSamples samples, PackedRows copy, QuantisedFit.LayerData data) {
    int hidden = spec.hidden();
    int neurons = spec.feedForward();
    int held = samples.positions() - samples.fitted();
    float[] rows = new float[neurons * hidden];
    IntStream.range(0, neurons).parallel().forEach(i -> copy.unpack(i, rows, i * hidden));
    float[] inputs = Arrays.copyOfRange(data.inputs(), samples.fitted() * hidden,
        samples.positions() * hidden);
    return Products.of(rows, neurons, hidden, Products.transpose(inputs, held, hidden), held);
  }

  @Override
  public SortedMap<String, byte[]> blobs() {
    return blobs;
  }

  @Override
  public float[] namedShares() {
    return namedShares.clone();
  }

  /** Estimate and product mixed neuron by neuron. */
  private record Mixture(float[] offsets, float[] weights, float[] scores, float[] errors) {

    static Mixture of(LayerSamples samples, float[] estimates, float[] products) {
      int neurons = samples.neurons();
      int held = samples.positions() - samples.fitted();
      Mixture mixture = new Mixture(new float[neurons], new float[neurons],
          new float[neurons * held], new float[neurons]);
      IntStream.range(0, neurons).parallel()
          .forEach(i -> mixture.fit(samples, estimates, products, i, held));
      return mixture;
    }

    private void fit(LayerSamples samples, float[] estimates, float[] products, int neuron,
        int held) {
      double meanOff = 0;
      for (int t = 0; t < held; t++) {
        meanOff += samples.inner(neuron, samples.fitted() + t) - products[neuron * held + t];
      }
      float offset = (float) (meanOff / held);
      double both = 0;
      double squares = 0;
      for (int t = 0; t < held; t++) {
        double apart = products[neuron * held + t] + offset - estimates[neuron * held + t];
        both += apart
            * (samples.inner(neuron, samples.fitted() + t) - estimates[neuron * held + t]);
        squares += apart * apart;
      }
      float weight = squares > 0 ? (float) (both / squares) : 0;
      double lost = 0;
      for (int t = 0; t < held; t++) {
        int at = neuron * held + t;
        scores[at] = estimates[at] + weight * (products[at] + offset - estimates[at]);
        double error = samples.inner(neuron, samples.fitted() + t) - scores[at];
        lost += error * error;
      }
      offsets[neuron] = offset;
      weights[neuron] = weight;
      errors[neuron] = (float) Math.sqrt(lost / held);
    }
  }
}
