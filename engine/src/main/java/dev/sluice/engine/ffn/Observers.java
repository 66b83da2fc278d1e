package dev.sluice.engine.ffn;

import java.util.List;

/** Several observers of one sweep, told in order. */
public record Observers(List<LayerObserver> all) implements LayerObserver {
  public Observers {
    all = List.copyOf(all);
  }

  @Override
  public boolean wantsColumnNorms() {
    return all.stream().anyMatch(LayerObserver::wantsColumnNorms);
  }

  @Override
  public void layerStarts(LayerWeights weights, float[] columnNorms) {
    all.forEach(one -> one.layerStarts(weights, columnNorms));
  }

  @Override
  public void observe(Block block) {
    all.forEach(one -> one.observe(block));
  }

  @Override
  public void layerEnds(int layer) {
    all.forEach(one -> one.layerEnds(layer));
  }
}
