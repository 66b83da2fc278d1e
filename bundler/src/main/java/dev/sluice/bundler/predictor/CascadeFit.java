package dev.sluice.bundler.predictor;

import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.StoreKeys;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.SortedMap;

/**
 * A cheap low-rank predictor whose names a low-bit copy looks at again: a neuron is read when both name it. Each may lose
 * half of what the recall target allows, so together they keep it.
 */
public final class CascadeFit implements PredictorFit {
  private final String name;
  private final LowRankFit first;
  private final QuantisedFit second;

  /** Parameters as in {@link LowRankFit} and {@link QuantisedFit}. */
  public CascadeFit(ModelSpec spec, int rank, int bits, double recallTarget,
      List<QuantisedFit.Target> targets, int chosenTarget, long seed, Arena arena) {
    this.name = "cascade-" + rank + "-" + bits;
    double each = 1 - (1 - recallTarget) / 2;
    this.first = new LowRankFit(spec, name, rank, each, targets, chosenTarget, seed, arena);
    this.second = new QuantisedFit(spec, bits, each, targets, arena);
  }

  @Override
  public void addLayer(QuantisedFit.LayerData data) {
    first.addLayer(data);
    second.addLayer(data);
  }

  @Override
  public SortedMap<String, byte[]> blobs() {
    SortedMap<String, byte[]> blobs = first.blobs();
    blobs.put(StoreKeys.predictorCopy(name), second.result().encode());
    return blobs;
  }
}
