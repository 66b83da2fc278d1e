package dev.sluice.bench.peers;

import java.util.List;

/**
 * What peer runs measured; table, JSON and HTML page are views of it. Keys carry units.
 *
 * @param points one for each limit on memory, those without a limit first
 */
public record PeerComparison(Setting setting, List<Point> points) {
  public PeerComparison {
    points = List.copyOf(points);
  }

  /**
   * @param model what the GGUF's metadata call it
   * @param weights whether they were learned or made up
   * @param processors those that every rival was bound to
   * @param maxDecodeSeconds after this long llama.cpp evaluates no further token
   * @param pageCache what was dropped before each run
   */
  public record Setting(
      String madeBy, String model, String weights, long ggufBytes, String peer, String processor,
      String processors, int threads, int promptTokens, int decodeTokens, int runs,
      double maxDecodeSeconds, String pageCache) {}

  /**
   * @param ram as the user wrote it, or {@code no limit}
   * @param limitBytes of the cgroup; 0 when there is none
   * @param ramShare the limit as a share of the GGUF's bytes; 0 when there is none
   */
  public record Point(String ram, long limitBytes, double ramShare, List<Result> results) {
    public Point {
      results = List.copyOf(results);
    }
  }

  /**
   * One rival under one limit.
   *
   * @param family its name whatever the limit
   * @param modelBytes of what it reads: GGUF file or store
   * @param note why there are no figures, or what else is to be known; may be empty
   * @param figures null if it was not run or failed
   * @param tokenTime of a token of its median run; null where the engine tells of none
   */
  public record Result(
      String rival, String family, String description, long modelBytes, String note,
      Figures figures, TokenTime tokenTime) {}

  /** Over runs: the median, the least and the most. */
  public record Spread(double median, double least, double most) {}

  /**
   * Per token means: per token that was evaluated alone, after the prompt. Percentiles are over the tokens of all runs.
   *
   * @param runs that ended well
   * @param decodedTokens of the run with the fewest
   * @param megabytesPerToken fetched from devices, in millions of bytes
   * @param timeToFirstTokenMillis from the prompt's first token to the choice of the next; loading is in {@code startMillis}
   * @param promptReadWaitMillis of that, waiting for weights to be read; NaN where the engine does not say
   * @param peakGroupBytes highest use that counts towards the limit, page cache included
   * @param peakHeldBytes most anonymous and mapped memory among samples
   * @param limitHits how often the group ran into its limit (failcnt), loading included
   * @param laterMajorFaultsPerToken after the first 32 tokens; NaN when there were no more
   * @param perplexityChange against the whole GGUF; NaN where it was not measured
   */
  public record Figures(
      int runs, int decodedTokens, Spread tokensPerSecond, Spread megabytesPerToken,
      Spread cpuSecondsPerToken, Spread timeToFirstTokenMillis, Spread promptReadWaitMillis,
      Spread startMillis,
      double firstP50Millis, double firstP99Millis, double laterP50Millis, double laterP99Millis,
      Spread peakGroupBytes, Spread peakHeldBytes, Spread limitHits, Spread majorFaultsPerToken,
      double laterMajorFaultsPerToken, double perplexityChange) {}
}
