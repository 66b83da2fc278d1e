package dev.sluice.storage.trace;

import java.util.Arrays;

/**
 * The firings of one layer over up to 256 consecutive tokens, unpacked. Reusable: {@link #clear} makes it empty for
 * another window without allocating. Bitmap and magnitudes are exposed as they are so that kernels can fill and read
 * them; a magnitude counts only where its bit is set and is 0 elsewhere. Not thread-safe.
 */
public final class TraceChunk {
  private final int capacityTokens;
  private final int neurons;
  private final int words;
  private final long[] masks;
  private final float[] magnitudes;
  private int tokens;

  /**
   * An empty chunk with room for {@code capacityTokens} tokens, all of them in use.
   *
   * @param capacityTokens 1 .. {@link TraceFormat#MAX_CHUNK_TOKENS}
   * @param neurons 1 .. {@link TraceFormat#MAX_NEURONS}
   */
  public TraceChunk(int capacityTokens, int neurons) {
    if (capacityTokens < 1 || capacityTokens > TraceFormat.MAX_CHUNK_TOKENS) {
      throw new IllegalArgumentException("chunk of " + capacityTokens + " tokens");
    }
    if (neurons < 1 || neurons > TraceFormat.MAX_NEURONS) {
      throw new IllegalArgumentException("chunk of " + neurons + " neurons");
    }
    this.capacityTokens = capacityTokens;
    this.neurons = neurons;
    this.words = (neurons + 63) >>> 6;
    this.masks = new long[capacityTokens * words];
    this.magnitudes = new float[capacityTokens * neurons];
    this.tokens = capacityTokens;
  }

  /** Makes the chunk empty, of {@code tokens} tokens. */
  public void clear(int tokens) {
    if (tokens < 1 || tokens > capacityTokens) {
      throw new IllegalArgumentException(tokens + " tokens in a chunk for " + capacityTokens);
    }
    this.tokens = tokens;
    Arrays.fill(masks, 0);
    Arrays.fill(magnitudes, 0);
  }

  /** Tokens in use. */
  public int tokens() {
    return tokens;
  }

  /** Tokens that fit. */
  public int capacityTokens() {
    return capacityTokens;
  }

  /** Neurons per token. */
  public int neurons() {
    return neurons;
  }

  /** Longs per token in {@link #masks}. */
  public int words() {
    return words;
  }

  /** The live bitmap, token after token: neuron i of token t is bit i mod 64 of {@code masks[t * words + i / 64]}. */
  public long[] masks() {
    return masks;
  }

  /** The live magnitudes: neuron i of token t at {@code t * neurons + i}. */
  public float[] magnitudes() {
    return magnitudes;
  }

  /** Records that a neuron fired. */
  public void fire(int token, int neuron, float magnitude) {
    masks[token * words + (neuron >>> 6)] |= 1L << neuron;
    magnitudes[token * neurons + neuron] = magnitude;
  }

  /** The magnitude of a neuron, 0 if it did not fire. */
  public float magnitude(int token, int neuron) {
    return magnitudes[token * neurons + neuron];
  }

  /** Neurons that fired at a token. */
  public int firings(int token) {
    int firings = 0;
    for (int w = token * words; w < (token + 1) * words; w++) {
      firings += Long.bitCount(masks[w]);
    }
    return firings;
  }

  /** Firings over all tokens in use. */
  public int firings() {
    int firings = 0;
    for (int w = 0; w < tokens * words; w++) {
      firings += Long.bitCount(masks[w]);
    }
    return firings;
  }
}
