package dev.sluice.engine.session;

import dev.sluice.engine.model.KvCache;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.CachePolicy;

/**
 * What of a run decides its memory, beside model and predictor.
 *
 * @param context positions of keys and values
 * @param promptTokens most tokens that go through the model together
 * @param threads that compute
 * @param policy who stays in slots that are not pinned
 * @param keyValues how they are kept
 * @param otherHeapBytes what the caller keeps in Java's heap, live at once
 */
public record RunShape(
    int context, int promptTokens, int threads, CachePolicy policy, KvCache.Precision keyValues,
    long otherHeapBytes) {
  public RunShape {
    if (context < 1 || promptTokens < 0 || threads < 1 || otherHeapBytes < 0) {
      throw new BadInputException("run", "a context of " + context + " positions, a prompt of "
          + promptTokens + " tokens and " + threads + " threads are no run",
          "give at least one of each");
    }
  }

  /** The same with keys and values in float32 and nothing of the caller's in the heap. */
  public RunShape(int context, int promptTokens, int threads, CachePolicy policy) {
    this(context, promptTokens, threads, policy, KvCache.Precision.FLOAT32, 0);
  }

  /** The same with the usual policy. */
  public RunShape(int context, int promptTokens, int threads) {
    this(context, promptTokens, threads, CachePolicy.usual());
  }
}
