package dev.sluice.storage.plan;

/**
 * What one token is expected to read if neurons fired independently, each at its own rate: bundles that are resident never
 * miss, neighbours are joined over gaps as {@link ReadPlanner} does (of its largest request only as many as the bytes need), and a request is widened to
 * pages. Neurons that fire together and lie together read less often; only a trace knows how much.
 *
 * @param misses bundles read
 * @param requests reads
 * @param bytes read, gaps and pages' ends included
 */
public record ExpectedReads(double misses, double requests, double bytes) {
  private static final double NEGLIGIBLE = 1e-9;

  /**
   * Expected reads of a part of each layer's bundles.
   *
   * @param rates per layer and disk position, the probability that a token wants the bundle and it is not resident
   * @param strideBytes from bundle to bundle; the first begins on a page
   */
  public static ExpectedReads of(float[][] rates, int strideBytes, ReadPlanner.Limits limits) {
    long page = limits.pageBytes();
    double misses = 0;
    double requests = 0;
    double bytes = 0;
    for (float[] layer : rates) {
      for (int p = 0; p < layer.length; p++) {
        double rate = layer[p];
        if (rate <= 0) {
          continue;
        }
        misses += rate;
        long from = (long) p * strideBytes / page * page;
        long to = up((p + 1L) * strideBytes, page);
        // Back to the nearest miss before: joined while the gap allows.
        double alone = rate;
        for (int before = p - 1; before >= 0 && alone > NEGLIGIBLE; before--) {
          long end = up((before + 1L) * strideBytes, page);
          if (from - end > limits.gapBytes()) {
            break;
          }
          double joined = alone * layer[before];
          bytes += joined * (to - end);
          alone -= joined;
        }
        requests += alone;
        bytes += alone * (to - from);
      }
    }
    return new ExpectedReads(misses, Math.max(requests, bytes / limits.maxRequestBytes()), bytes);
  }

  private static long up(long bytes, long page) {
    return (bytes + page - 1) / page * page;
  }

  /** Both together. */
  public ExpectedReads plus(ExpectedReads other) {
    return new ExpectedReads(misses + other.misses, requests + other.requests,
        bytes + other.bytes);
  }
}
