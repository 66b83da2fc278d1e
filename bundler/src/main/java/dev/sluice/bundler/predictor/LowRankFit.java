package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
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
 * The low-rank predictor without training (SVDP): the map of a given rank that is nearest to the rows on recorded inputs,
 * its offsets and errors from held-out positions, and cuts where the expected active magnitude reaches a bar. Each layer is
 * calibrated at several ranks; {@link #blobs} spends the bytes of the mean rank where they save most predicted neurons.
 */
public final class LowRankFit implements PredictorFit {
  private static final double[] RANK_SHARES = {0.5, 0.75, 1, 1.25, 1.5};
  private static final int RANK_STEP = 4;

  private final ModelSpec spec;
  private final String name;
  private final PredictorInput input;
  private final int meanRank;
  private final double recallTarget;
  private final List<QuantisedFit.Target> targets;
  private final int chosenTarget;
  private final long seed;
  private final Arena arena;
  private final List<Layer> layers = new ArrayList<>();

  /** One layer at its largest rank; smaller ones are its first columns. */
  private record Layer(float[] centre, float[] sharpness, Int8Rows inward, Int8Rows outward,
      List<Candidate> candidates) {}

  private record Candidate(int rank, float[] offsets, List<ActivityCuts> cuts,
      double predictedShare) {}

  /**
   * @param name under which the store keeps it; by it, what the predictor sees
   * @param meanRank over layers
   * @param recallTarget share of active magnitude that cuts must keep on held-out positions
   * @param targets at least one
   * @param chosenTarget index of the target by which ranks are chosen
   * @param arena for the matrices
   */
  public LowRankFit(ModelSpec spec, String name, int meanRank, double recallTarget,
      List<QuantisedFit.Target> targets, int chosenTarget, long seed, Arena arena) {
    this.spec = spec;
    this.name = name;
    this.input = PredictorInput.of(name);
    this.meanRank = meanRank;
    this.recallTarget = recallTarget;
    this.targets = List.copyOf(targets);
    this.chosenTarget = chosenTarget;
    this.seed = seed;
    this.arena = arena;
  }

  @Override
  public void addLayer(QuantisedFit.LayerData data) {
    addLayer(LayerSamples.heldOut(spec, data, input.at(layers.size())));
  }

  private void addLayer(LayerSamples samples) {
    List<Integer> ranks = ranks();
    LowRankMatrices matrices =
        LowRankMatrices.of(samples, ranks.getLast(), seed + layers.size(), arena);
    List<Candidate> candidates = new ArrayList<>();
    for (int rank : ranks) {
      candidates.add(candidate(samples, matrices, rank));
    }
    layers.add(new Layer(samples.inputs().centre(), samples.inputs().sharpness(), matrices.inward(),
        matrices.outward(), candidates));
  }

  private List<Integer> ranks() {
    int most = Math.min(spec.hidden(), spec.feedForward());
    return Arrays.stream(RANK_SHARES)
        .mapToObj(share -> (int) Math.round(meanRank * share / RANK_STEP) * RANK_STEP)
        .map(rank -> Math.clamp(rank, RANK_STEP, most))
        .distinct()
        .toList();
  }

  private Candidate candidate(LayerSamples samples, LowRankMatrices matrices, int rank) {
    LowRankMatrices.Estimates estimates = matrices.estimates(samples, rank);
    int layer = layers.size();
    List<ActivityCuts> cuts = new ArrayList<>();
    double share = 1;
    for (int k = 0; k < targets.size(); k++) {
      QuantisedFit.Target target = targets.get(k);
      float threshold = target.thresholds()[layer];
      Worth worth = new EstimatedWorth(samples, target, threshold, estimates.scores(),
          samples.positions() - samples.fitted(), estimates.errors());
      CutCalibration.Calibrated calibrated = CutCalibration.calibrate(
          samples, target, threshold, estimates.scores(), worth, recallTarget);
      cuts.add(calibrated.cuts());
      if (k == chosenTarget) {
        share = calibrated.predictedShare();
      }
    }
    return new Candidate(rank, estimates.offsets(), cuts, share);
  }

  @Override
  public SortedMap<String, byte[]> blobs() {
    int[] chosen = chooseRanks();
    SortedMap<String, byte[]> blobs = new TreeMap<>();
    for (int layer = 0; layer < chosen.length; layer++) {
      try (Arena local = Arena.ofConfined()) {
        blobs.put(StoreKeys.predictorLayer(name, layer),
            finished(layers.get(layer), chosen[layer], local).encode());
      }
    }
    return blobs;
  }

  private LowRankLayer finished(Layer layer, int candidate, Arena local) {
    Candidate one = layer.candidates.get(candidate);
    float[] scales = new float[one.rank];
    for (int k = 0; k < one.rank; k++) {
      scales[k] = layer.inward.scale(k);
    }
    Int8Rows inward = new Int8Rows(layer.inward.codes(), one.rank, spec.hidden(), scales);
    return new LowRankLayer(
        Middle.LINEAR, layer.centre, layer.sharpness, inward, new float[one.rank],
        layer.outward.firstCols(one.rank, local), one.offsets, one.cuts, recallTarget);
  }

  /**
   * From the smallest ranks up, the step that saves most predicted neurons for its bytes, until the budget is spent; a step
   * may skip candidates that save little by themselves.
   */
  private int[] chooseRanks() {
    int count = layers.size();
    int[] chosen = new int[count];
    long left = (long) meanRank * count;
    for (Layer layer : layers) {
      left -= layer.candidates.getFirst().rank;
    }
    while (true) {
      int best = -1;
      int bestTo = 0;
      double bestSaving = 0;
      for (int l = 0; l < count; l++) {
        List<Candidate> candidates = layers.get(l).candidates;
        Candidate now = candidates.get(chosen[l]);
        for (int to = chosen[l] + 1; to < candidates.size(); to++) {
          int more = candidates.get(to).rank - now.rank;
          double saving = (now.predictedShare - candidates.get(to).predictedShare) / more;
          if (more <= left && saving > bestSaving) {
            best = l;
            bestTo = to;
            bestSaving = saving;
          }
        }
      }
      if (best < 0) {
        return chosen;
      }
      List<Candidate> candidates = layers.get(best).candidates;
      left -= candidates.get(bestTo).rank - candidates.get(chosen[best]).rank;
      chosen[best] = bestTo;
    }
  }

  @Override
  public float[] namedShares() {
    int[] chosen = chooseRanks();
    float[] shares = new float[chosen.length];
    for (int layer = 0; layer < shares.length; layer++) {
      shares[layer] = (float) layers.get(layer).candidates.get(chosen[layer]).predictedShare;
    }
    return shares;
  }

  /** Ranks by layer, as chosen. */
  public List<Integer> rankByLayer() {
    int[] chosen = chooseRanks();
    return IntStream.range(0, chosen.length)
        .mapToObj(l -> layers.get(l).candidates.get(chosen[l]).rank)
        .toList();
  }
}
