package dev.sluice.engine.eval;

import dev.sluice.engine.ffn.LayerObserver;
import dev.sluice.engine.ffn.LayerWeights;
import dev.sluice.engine.ffn.Sweep;
import java.util.ArrayList;
import java.util.List;

/** Counts active and predicted neurons, layer by layer, while a sweep runs. */
final class Shares implements LayerObserver {
  private final long[] positions;
  private final long[] active;
  private final long[] predicted;
  private final long[] both;
  private final double[] magnitude;
  private final double[] recalled;
  private final int neurons;

  Shares(int layers, int neurons) {
    this.neurons = neurons;
    positions = new long[layers];
    active = new long[layers];
    predicted = new long[layers];
    both = new long[layers];
    magnitude = new double[layers];
    recalled = new double[layers];
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {}

  @Override
  public void layerEnds(int layer) {}

  @Override
  public void observe(Block block) {
    long actives = 0;
    long predictions = 0;
    long hits = 0;
    double all = 0;
    double missed = 0;
    int count = block.count();
    byte[] verdicts = block.verdicts();
    for (int i = 0; i < neurons; i++) {
      int active = 0;
      int named = 0;
      int both = 0;
      for (int at = i * count; at < (i + 1) * count; at++) {
        int verdict = verdicts[at];
        active += verdict & 1;
        named += verdict >> 1 & 1;
        both += verdict & verdict >> 1 & 1;
      }
      actives += active;
      predictions += named;
      hits += both;
      if (both < active) {
        // Only where something was missed do magnitudes tell more than counts.
        missed += missed(block, i);
      }
      all += magnitude(block, i, active);
    }
    add(block.weights().layer(), count, actives, predictions, hits, all, all - missed);
  }

  private static double magnitude(Block block, int neuron, int active) {
    return active == 0 ? 0
        : block.columnNorms()[neuron] * sum(block, neuron, Sweep.ACTIVE, Sweep.ACTIVE);
  }

  private static double missed(Block block, int neuron) {
    return block.columnNorms()[neuron]
        * sum(block, neuron, Sweep.ACTIVE | Sweep.PREDICTED, Sweep.ACTIVE);
  }

  /** Sum of |h| of one neuron over the positions whose verdict, masked, is {@code wanted}. */
  private static double sum(Block block, int neuron, int mask, int wanted) {
    int count = block.count();
    double sum = 0;
    for (int at = neuron * count; at < (neuron + 1) * count; at++) {
      sum += (block.verdicts()[at] & mask) == wanted ? Math.abs(block.outputs()[at]) : 0;
    }
    return sum;
  }

  private synchronized void add(
      int layer, int count, long actives, long predictions, long hits, double all, double kept) {
    positions[layer] += count;
    active[layer] += actives;
    predicted[layer] += predictions;
    both[layer] += hits;
    magnitude[layer] += all;
    recalled[layer] += kept;
  }

  List<LayerShares> result() {
    List<LayerShares> result = new ArrayList<>();
    for (int layer = 0; layer < positions.length; layer++) {
      double cells = (double) positions[layer] * neurons;
      result.add(
          new LayerShares(
              active[layer] / cells,
              predicted[layer] / cells,
              active[layer] == 0 ? 1 : (double) both[layer] / active[layer],
              magnitude[layer] == 0 ? 1 : recalled[layer] / magnitude[layer],
              magnitude[layer]));
    }
    return result;
  }
}
