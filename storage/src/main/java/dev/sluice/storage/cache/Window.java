package dev.sluice.storage.cache;

/** How long an unused bundle stays resident, counted in tokens. */
public sealed interface Window {
  /** The longest fixed window: each of its tokens costs one bit per bundle of heap. */
  int MAX_TOKENS = 1024;

  /** A window of {@code tokens}, from 0 (nothing outlives its token) to {@link #MAX_TOKENS}. */
  static Window fixed(int tokens) {
    return new Fixed(tokens);
  }

  /** The longest window that the slots allow, found anew at each token boundary. */
  static Window auto() {
    return new Auto();
  }

  /**
   * A bundle used within the last {@code tokens} tokens stays; where the slots do not suffice for
   * that and for the next token's misses, the bundles unused for longest go earlier.
   *
   * @param tokens 0 to {@link #MAX_TOKENS}
   */
  record Fixed(int tokens) implements Window {
    public Fixed {
      if (tokens < 0 || tokens > MAX_TOKENS) {
        throw new IllegalArgumentException(
            "a window of " + tokens + " tokens is outside 0.." + MAX_TOKENS);
      }
    }
  }

  /** Bundles go only to make room for the next token's misses, those unused for longest first. */
  record Auto() implements Window {}
}
