package dev.sluice.engine.model;

import dev.sluice.storage.store.ModelSpec;

/** Keys and values of one sequence, float32, for every layer and position seen. Mutable; belongs to one session. */
public final class KvCache {
  private final Layer[] layers;
  private final int capacity;

  /** Keys and values of one layer: positions × (kvHeads · headSize). */
  public static final class Layer {
    final float[] keys;
    final float[] values;

    /** Room for {@code positions} positions of a model's heads. */
    public Layer(ModelSpec spec, int positions) {
      int size = Math.multiplyExact(positions, spec.kvHeads() * spec.headSize());
      keys = new float[size];
      values = new float[size];
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
