package dev.sluice.storage.plan;

/**
 * What one token is expected to read if neurons fired independently, each at its own rate: bundles that are resident never
 * miss, neighbours are joined over gaps as {@link ReadPlanner} does (its largest request apart), and a request is widened to
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
   * @param strideBytes from bundle to bundle
   */
  public static ExpectedReads of(float[][] rates, int strideBytes, ReadPlanner.Limits limits) {
    int page = limits.pageBytes();
    // Whole pages between two ranges: on average one page less than there are bytes between them.
    double alignment = Math.min(page, Integer.lowestOneBit(strideBytes));
    double slack = page - alignment;
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
        bytes += rate * strideBytes;
        // Back to the nearest miss before: joined while the gap allows.
        double nothingBetween = rate;
        for (int before = p - 1; before >= 0 && nothingBetween > NEGLIGIBLE; before--) {
          long gap = (long) (p - 1 - before) * strideBytes;
          if (gap - slack > limits.gapBytes()) {
            break;
          }
          double joined = nothingBetween * layer[before];
          bytes += joined * gap;
          nothingBetween -= joined;
        }
        requests += nothingBetween;
      }
    }
    return new ExpectedReads(misses, requests, bytes + requests * slack);
  }

  /** Both together. */
  public ExpectedReads plus(ExpectedReads other) {
    return new ExpectedReads(misses + other.misses, requests + other.requests,
        bytes + other.bytes);
  }
}
