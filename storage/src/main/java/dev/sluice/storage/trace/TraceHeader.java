package dev.sluice.storage.trace;

import java.nio.charset.StandardCharsets;

/**
 * What a trace was made from. Two runs with equal headers record the same thing, so an unfinished trace is resumed only
 * under an equal header. Immutable.
 *
 * @param storeDigest digest of the store whose model ran
 * @param textDigest digest of the token ids that it read
 * @param layers FFN layers, 1 .. {@link TraceFormat#MAX_LAYERS}
 * @param neurons neurons per layer, 1 .. {@link TraceFormat#MAX_NEURONS}
 * @param tokens positions recorded per layer, 1 .. {@link TraceFormat#MAX_TOKENS}
 * @param windowTokens tokens per evaluation window; each window began with an empty context
 * @param rule what a magnitude is and when a neuron counts as fired, such as {@code output} or {@code gate}
 * @param activity {@code dense} when every neuron was computed, otherwise the predictor that chose them
 */
public record TraceHeader(
    String storeDigest,
    String textDigest,
    int layers,
    int neurons,
    int tokens,
    int windowTokens,
    String rule,
    String activity) {

  /**
   * @throws IllegalArgumentException if a number is outside its limits or a text is longer than {@link
   *     TraceFormat#MAX_TEXT_BYTES} bytes
   */
  public TraceHeader {
    within("layers", layers, TraceFormat.MAX_LAYERS);
    within("neurons", neurons, TraceFormat.MAX_NEURONS);
    within("tokens", tokens, TraceFormat.MAX_TOKENS);
    within("windowTokens", windowTokens, TraceFormat.MAX_TOKENS);
    within("storeDigest", storeDigest);
    within("textDigest", textDigest);
    within("rule", rule);
    within("activity", activity);
    long chunks = (long) layers * chunks(tokens, windowTokens);
    if (chunks > TraceFormat.MAX_CHUNKS) {
      throw new IllegalArgumentException(chunks + " chunks exceed " + TraceFormat.MAX_CHUNKS);
    }
  }

  /** Tokens of every chunk but the last of a layer: one evaluation window, at most 256. */
  public int chunkTokens() {
    return Math.min(windowTokens, TraceFormat.MAX_CHUNK_TOKENS);
  }

  /** Chunks per layer. */
  public int chunksPerLayer() {
    return chunks(tokens, windowTokens);
  }

  /** First token of a chunk. */
  public int firstToken(int chunkIndex) {
    return chunkIndex * chunkTokens();
  }

  /** Tokens in a chunk; fewer than {@link #chunkTokens()} only in the last. */
  public int tokensOf(int chunkIndex) {
    return Math.min(chunkTokens(), tokens - firstToken(chunkIndex));
  }

  /** Longs in one token's bitmap of neurons. */
  public int words() {
    return (neurons + 63) >>> 6;
  }

  private static int chunks(int tokens, int windowTokens) {
    int chunkTokens = Math.min(windowTokens, TraceFormat.MAX_CHUNK_TOKENS);
    return (tokens - 1) / chunkTokens + 1;
  }

  private static void within(String name, int value, int limit) {
    if (value < 1 || value > limit) {
      throw new IllegalArgumentException(name + " " + value + " is not in 1.." + limit);
    }
  }

  private static void within(String name, String text) {
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > TraceFormat.MAX_TEXT_BYTES) {
      throw new IllegalArgumentException(
          name + " takes " + bytes + " bytes, more than " + TraceFormat.MAX_TEXT_BYTES);
    }
  }
}
