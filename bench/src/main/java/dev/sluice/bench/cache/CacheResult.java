package dev.sluice.bench.cache;

import java.util.List;

/** What a trial of cache policies measured; text, Markdown and JSON are views of it. */
public record CacheResult(Setting setting, List<Point> points) {
  /** Stands for every policy where there is nothing left for it to decide. */
  public static final String ALL_PINNED = "(any)";

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
   * One number of slots; the first entry is the control.
   *
   * @param slotShare of the FFN's bundles
   */
  public record Point(double slotShare, List<Entry> entries) {
    public Point {
      entries = List.copyOf(entries);
    }
  }

  /**
   * One policy at one share of pinned slots. What it missed is counted over all rounds; times are medians over rounds, and ratios to the control in the
   * same round.
   *
   * @param pinShare of the slots
   * @param hitRate of all wanted bundles
   * @param cacheMicrosPerToken the policy's own work
   * @param ioMillisPerToken reads, layer after layer, nothing computed meanwhile
   * @param ioRatio to the control
   * @param leastIoRatio of the rounds
   * @param mostIoRatio of the rounds
   */
  public record Entry(
      String policy, double pinShare, double hitRate, double bytesPerToken, double requestsPerToken,
      double cacheMicrosPerToken, double ioMillisPerToken, double ioRatio, double leastIoRatio,
      double mostIoRatio) {}
}
