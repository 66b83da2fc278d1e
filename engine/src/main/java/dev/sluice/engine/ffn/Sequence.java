package dev.sluice.engine.ffn;

import dev.sluice.engine.model.KvCache;
import dev.sluice.storage.store.ModelSpec;
import java.util.List;

/**
 * Positions of one text that go through the model together: a prompt, or one window of an evaluation text. Mutable while a
 * {@link Sweep} runs.
 */
public final class Sequence {
  final int[] tokens;
  final int firstPosition;
  final float[] hidden;
  final float[] queries;
  private float[] ffnInputs = {}; // of the layer before; kept only for a predictor that looks at them
  private final KvCache cache; // null: each layer's keys and values are forgotten with the layer
  private KvCache.Layer scratchLayer;

  /** Positions whose keys and values stay in {@code cache}, beginning at {@code firstPosition}. */
  public static Sequence continuing(int[] tokens, int firstPosition, KvCache cache, int hidden,
      int querySize) {
    return new Sequence(tokens, firstPosition, cache, hidden, querySize);
  }

  /** A window that starts from an empty context and leaves nothing behind. */
  public static Sequence window(int[] tokens, int hidden, int querySize) {
    return new Sequence(tokens, 0, null, hidden, querySize);
  }

  private Sequence(int[] tokens, int firstPosition, KvCache cache, int hidden, int querySize) {
    this.tokens = tokens;
    this.firstPosition = firstPosition;
    this.cache = cache;
    this.hidden = new float[tokens.length * hidden];
    this.queries = new float[tokens.length * querySize];
  }

  /** Hidden states, tokens × hidden. */
  public float[] hidden() {
    return hidden;
  }

  /**
   * What a sweep goes on from at the next layer: hidden states and, if kept, the FFN inputs of the layer before; each
   * tokens × hidden, the sequence's own arrays.
   */
  public List<float[]> states() {
    return ffnInputs.length == 0 ? List.of(hidden) : List.of(hidden, ffnInputs);
  }

  /** Keeps each layer's FFN inputs for the next, from now on. */
  public void keepFfnInputs() {
    if (ffnInputs.length == 0) {
      ffnInputs = new float[hidden.length];
    }
  }

  /** FFN inputs of the layer before, tokens × hidden; only if they are kept. */
  float[] ffnInputs() {
    return ffnInputs;
  }

  /** Some positions' FFN inputs of a layer, so many elements from element {@code at}; forgotten unless they are kept. */
  void rememberFfnInputs(float[] normed, int at, int elements) {
    if (ffnInputs.length > 0) {
      System.arraycopy(normed, 0, ffnInputs, at, elements);
    }
  }

  public int[] tokens() {
    return tokens;
  }

  /** Asked by the threads of all blocks of the sequence, which must get the same one. */
  synchronized KvCache.Layer kv(int layer, ModelSpec spec) {
    if (cache != null) {
      return cache.layer(layer);
    }
    if (scratchLayer == null) {
      scratchLayer = new KvCache.Layer(spec, tokens.length, KvCache.Precision.FLOAT32);
    }
    return scratchLayer;
  }
}
