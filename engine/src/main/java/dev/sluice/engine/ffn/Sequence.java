package dev.sluice.engine.ffn;

import dev.sluice.engine.model.KvCache;
import dev.sluice.storage.store.ModelSpec;

/**
 * Positions of one text that go through the model together: a prompt, or one window of an evaluation text. Mutable while a
 * {@link Sweep} runs.
 */
public final class Sequence {
  final int[] tokens;
  final int firstPosition;
  final float[] hidden;
  final float[] queries;
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
