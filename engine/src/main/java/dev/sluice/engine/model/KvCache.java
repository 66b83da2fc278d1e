package dev.sluice.engine.model;

import dev.sluice.storage.store.ModelSpec;

/** Keys and values of one sequence, float32, for every layer and position seen. Mutable; belongs to one session. */
public final class KvCache {
  private final Layer[] layers;
  private final int capacity;

  /** Keys and values of one layer, each key-value head's positions side by side: kvHeads × positions × headSize. */
  public static final class Layer {
    final float[] keys;
    final float[] values;
    private final int positions;
    private final int headSize;

    /** Room for {@code positions} positions of a model's heads. */
    public Layer(ModelSpec spec, int positions) {
      this.positions = positions;
      this.headSize = spec.headSize();
      int size = Math.multiplyExact(positions, spec.kvHeads() * headSize);
      keys = new float[size];
      values = new float[size];
    }

    /** Where a head's position begins in {@link #keys} and {@link #values}. */
    int at(int kvHead, int position) {
      return (kvHead * positions + position) * headSize;
    }
  }

  /** Room for {@code capacity} positions in every layer. */
  public KvCache(ModelSpec spec, int capacity) {
    this.capacity = capacity;
    layers = new Layer[spec.layers()];
    for (int layer = 0; layer < layers.length; layer++) {
      layers[layer] = new Layer(spec, capacity);
    }
  }

  public Layer layer(int layer) {
    return layers[layer];
  }

  /** Positions that fit. */
  public int capacity() {
    return capacity;
  }

  /** Bytes that a cache of {@code positions} takes. */
  public static long bytes(ModelSpec spec, int positions) {
    return 2L * Float.BYTES * spec.layers() * spec.kvHeads() * spec.headSize() * positions;
  }
}
