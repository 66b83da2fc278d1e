package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Halves;
import dev.sluice.storage.store.ModelSpec;

/** Keys and values of one sequence, for every layer and position seen. Mutable; belongs to one session. */
public final class KvCache {
  private final Layer[] layers;
  private final int capacity;

  /** How keys and values are kept. Arithmetic is float32 in either case. */
  public enum Precision {
    /** As they were computed. */
    FLOAT32(Float.BYTES),
    /** Rounded to the nearest IEEE 754 binary16, in half of the memory. */
    FLOAT16(Short.BYTES);

    private final int bytes;

    Precision(int bytes) {
      this.bytes = bytes;
    }
  }

  /** Keys and values of one layer, each key-value head's positions side by side: kvHeads × positions × headSize. */
  public static final class Layer {
    // The floats or the halves are empty.
    private final float[] keys;
    private final float[] values;
    private final short[] keyHalves;
    private final short[] valueHalves;
    private final Precision precision;
    private final int positions;
    private final int headSize;

    /** Room for {@code positions} positions of a model's heads. */
    public Layer(ModelSpec spec, int positions, Precision precision) {
      this.precision = precision;
      this.positions = positions;
      this.headSize = spec.headSize();
      int size = Math.multiplyExact(positions, spec.kvHeads() * headSize);
      int floats = precision == Precision.FLOAT32 ? size : 0;
      keys = new float[floats];
      values = new float[floats];
      keyHalves = new short[size - floats];
      valueHalves = new short[size - floats];
    }

    /** Keeps one head's key and value at a position; they begin at {@code from} of {@code k} and {@code v}. */
    void store(int kvHead, int position, float[] k, float[] v, int from) {
      int to = at(kvHead, position);
      switch (precision) {
        case FLOAT32 -> {
          System.arraycopy(k, from, keys, to, headSize);
          System.arraycopy(v, from, values, to, headSize);
        }
        case FLOAT16 -> {
          Halves.narrow(k, from, keyHalves, to, headSize);
          Halves.narrow(v, from, valueHalves, to, headSize);
        }
      }
    }

    /** Elements that {@link #keys} and {@link #values} may need for {@code count} positions of one head. */
    int bufferElements(int count) {
      return precision == Precision.FLOAT32 ? 0 : count * headSize;
    }

    /**
     * An array with one head's keys of {@code count} positions, from element {@link #offset}.
     *
     * @param buffer used from {@code bufferAt} on, if at all
     */
    float[] keys(int kvHead, int position, int count, float[] buffer, int bufferAt) {
      return floats(keys, keyHalves, kvHead, position, count, buffer, bufferAt);
    }

    /** The same for values. */
    float[] values(int kvHead, int position, int count, float[] buffer, int bufferAt) {
      return floats(values, valueHalves, kvHead, position, count, buffer, bufferAt);
    }

    /** Where in what {@link #keys} or {@link #values} gave the first position begins. */
    int offset(int kvHead, int position, int bufferAt) {
      return precision == Precision.FLOAT32 ? at(kvHead, position) : bufferAt;
    }

    private float[] floats(float[] whole, short[] halves, int kvHead, int position, int count,
        float[] buffer, int bufferAt) {
      if (precision == Precision.FLOAT32) {
        return whole;
      }
      Halves.widen(halves, at(kvHead, position), buffer, bufferAt, count * headSize);
      return buffer;
    }

    private int at(int kvHead, int position) {
      return (kvHead * positions + position) * headSize;
    }
  }

  /** Room for {@code capacity} positions in every layer. */
  public KvCache(ModelSpec spec, int capacity, Precision precision) {
    this.capacity = capacity;
    layers = new Layer[spec.layers()];
    for (int layer = 0; layer < layers.length; layer++) {
      layers[layer] = new Layer(spec, capacity, precision);
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
  public static long bytes(ModelSpec spec, int positions, Precision precision) {
    return 2L * precision.bytes * spec.layers() * spec.kvHeads() * spec.headSize() * positions;
  }
}
