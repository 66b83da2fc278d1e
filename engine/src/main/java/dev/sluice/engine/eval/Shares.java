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
    double kept = 0;
    int count = block.count();
    for (int i = 0; i < neurons; i++) {
      for (int at = i * count; at < (i + 1) * count; at++) {
        int verdict = block.verdicts()[at];
        if ((verdict & Sweep.PREDICTED) != 0) {
          predictions++;
        }
        if ((verdict & Sweep.ACTIVE) != 0) {
          actives++;
          double size = Math.abs(block.outputs()[at]) * block.columnNorms()[i];
          all += size;
          if ((verdict & Sweep.PREDICTED) != 0) {
            hits++;
            kept += size;
          }
        }
      }
    }
    add(block.weights().layer(), count, actives, predictions, hits, all, kept);
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
