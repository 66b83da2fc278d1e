package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.StoreKeys;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The trained two-layer predictor (DejaVu, ReLU² Wins): hidden → rank → neurons, trained by {@link NetworkTraining} on what
 * was active at the chosen target, rounded to int8, and given one cut a layer (and one count, for the top-k choice) for
 * each target on held-out positions.
 */
public final class TrainedFit implements PredictorFit {
  private final ModelSpec spec;
  private final Middle middle;
  private final String name;
  private final PredictorInput input;
  private final int rank;
  private final double recallTarget;
  private final List<QuantisedFit.Target> targets;
  private final int chosenTarget;
  private final long seed;
  private final SortedMap<String, byte[]> blobs = new TreeMap<>();
  private final float[] namedShares;
  private int layer;

  /**
   * @param name under which the store keeps it; by it, what the predictor sees
   * @param middle LINEAR starts from the untrained map, RELU from nothing
   * @param recallTarget share of active magnitude that cuts must keep on held-out positions
   * @param targets at least one
   * @param chosenTarget index of the target that is trained for
   */
  public TrainedFit(ModelSpec spec, String name, Middle middle, int rank, double recallTarget,
      List<QuantisedFit.Target> targets, int chosenTarget, long seed) {
    this.spec = spec;
    this.middle = middle;
    this.name = name;
    this.input = PredictorInput.of(name);
    this.rank = Math.min(rank, Math.min(spec.hidden(), spec.feedForward()));
    this.recallTarget = recallTarget;
    this.targets = List.copyOf(targets);
    this.chosenTarget = chosenTarget;
    this.seed = seed;
    this.namedShares = new float[spec.layers()];
  }

  @Override
  public void addLayer(QuantisedFit.LayerData data) {
    LayerSamples samples = LayerSamples.whole(spec, data, input.at(layer));
    QuantisedFit.Target chosen = targets.get(chosenTarget);
    Network network = NetworkTraining.train(
        samples, chosen, chosen.thresholds()[layer], rank, middle, seed + layer);
    try (Arena arena = Arena.ofConfined()) {
      blobs.put(StoreKeys.predictorLayer(name, layer), rounded(samples, network, arena).encode());
    }
    layer++;
  }

  private LowRankLayer rounded(LayerSamples samples, Network network, Arena arena) {
    RoundedNetwork rounded = RoundedNetwork.of(samples, network, arena);
    List<ActivityCuts> cuts = new ArrayList<>();
    for (int k = 0; k < targets.size(); k++) {
      QuantisedFit.Target target = targets.get(k);
      CutCalibration.Calibrated calibrated = CutCalibration.calibrate(samples, target,
          target.thresholds()[layer], rounded.scores(), new LogitWorth(), recallTarget);
      cuts.add(calibrated.cuts());
      if (k == chosenTarget) {
        namedShares[layer] = (float) calibrated.predictedShare();
      }
    }
    return rounded.layer(cuts, recallTarget);
  }

  @Override
  public SortedMap<String, byte[]> blobs() {
    return blobs;
  }

  @Override
  public float[] namedShares() {
    return namedShares.clone();
  }
}
