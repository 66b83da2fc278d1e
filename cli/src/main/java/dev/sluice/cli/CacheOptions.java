package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.cache.CachePolicy;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.cache.WindowCache;
import picocli.CommandLine.Option;

/** Who stays in the slots that are not pinned. */
final class CacheOptions {
  @Option(
      names = "--cache",
      paramLabel = "NAME",
      description = "Who stays in slots that are not pinned: ripple (S3-FIFO that seldom admits pieces of long runs), s3-fifo, lru, "
          + "tiny-lfu or window (used within the last tokens). Changes what is read, not the text. Default: ripple; window "
          + "where all are read.")
  private String cache;

  @Option(
      names = "--window",
      paramLabel = "K",
      description = "With --cache window: keep bundles used within the last K tokens, or auto: as long as they fit. "
          + "Default: auto.")
  private String window;

  boolean isGiven() {
    return cache != null || window != null;
  }

  CachePolicy policy() {
    if (cache != null && !CachePolicy.NAMES.contains(cache)) {
      throw new BadInputException("--cache " + cache, "there is no such policy",
          "use " + String.join(", ", CachePolicy.NAMES));
    }
    if (window == null) {
      return cache == null ? CachePolicy.usual() : CachePolicy.named(cache);
    }
    if (cache != null && !cache.equals("window")) {
      throw new BadInputException("--window " + window, "--cache " + cache + " has no window",
          "leave one of them out");
    }
    return new CachePolicy.Recent(parsed(), WindowCache.DEFAULT_SEGMENT_BUNDLES);
  }

  /**
   * The same where every token reads every neuron: what a rival drops is needed at the next token, so that it would keep nothing
   * that is not pinned; a window keeps what it has.
   */
  CachePolicy policyWhereAllAreRead() {
    return cache == null && window == null ? CachePolicy.named("window") : policy();
  }

  private Window parsed() {
    if (window.equals("auto")) {
      return Window.auto();
    }
    try {
      int tokens = Integer.parseInt(window);
      if (tokens >= 0 && tokens <= Window.MAX_TOKENS) {
        return Window.fixed(tokens);
      }
    } catch (NumberFormatException e) {
      throw new BadInputException("--window " + window, "is no window",
          "give tokens, such as 5, or auto", e);
    }
    throw new BadInputException("--window " + window, "is out of range",
        "give 0 to " + Window.MAX_TOKENS + ", or auto");
  }
}
