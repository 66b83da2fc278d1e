package dev.sluice.bench.cache;

import java.util.List;

/** What a trial of cache policies measured; text, Markdown and JSON are views of it. */
public record CacheResult(Setting setting, List<Point> points) {
  /** The policy that the others are compared with. */
  public static final String CONTROL = "window";

  /** The name of the bound. */
  public static final String BOUND = "bélády";

  public CacheResult {
    points = List.copyOf(points);
  }

  /**
   * @param reader one line about how was read
   * @param activeShare mean share of a layer's bundles that a token wants
   * @param tokens of a round
   * @param gapBytes over which reads are merged
   */
  public record Setting(
      String madeBy, String kernel, String processor, String reader, String store, String trace,
      int layers, int bundlesPerLayer, int bundleBytesOnDisk, double activeShare, int warmTokens,
      int tokens, int rounds, int gapBytes) {}

  /**
   * One number of slots, and so many pinned.
   *
   * @param slotShare of the FFN's bundles
   * @param pinShare of the slots
   */
  public record Point(double slotShare, double pinShare, List<Entry> entries) {
    public Point {
      entries = List.copyOf(entries);
    }
  }

  /**
   * One policy. What it missed is counted over all rounds; times are medians over rounds, and ratios to the control in the
   * same round.
   *
   * @param hitRate of all wanted bundles
   * @param cacheMicrosPerToken the policy's own work
   * @param ioMillisPerToken reads, layer after layer, nothing computed meanwhile
   * @param ioRatio to the control; 1 where there is none
   * @param leastIoRatio of the rounds
   * @param mostIoRatio of the rounds
   */
  public record Entry(
      String policy, double hitRate, double bytesPerToken, double requestsPerToken,
      double cacheMicrosPerToken, double ioMillisPerToken, double ioRatio, double leastIoRatio,
      double mostIoRatio) {}
}
