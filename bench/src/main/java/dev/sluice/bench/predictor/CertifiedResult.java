package dev.sluice.bench.predictor;

import java.util.List;

/**
 * What certified skipping proves on one store.
 *
 * @param tokens held-out tokens that were decided about
 * @param inactiveShare neurons whose activation is 0
 * @param seed of the dither; rates of violation take seeds from here on
 */
public record CertifiedResult(
    String store, long tokens, double inactiveShare, long seed, List<Row> rows,
    List<Violations> violations) {
  public CertifiedResult {
    rows = List.copyOf(rows);
    violations = List.copyOf(violations);
  }

  /**
   * One copy with one bound.
   *
   * @param bits of an element
   * @param directions kept exactly
   * @param bound {@code norm}, or {@code dither} with δ
   * @param delta probability of failure of a decision; 0 for the norm bound
   * @param provenShare of the inactive neurons, those left out
   * @param wrongShare of the active ones, those left out
   * @param ramShare resident bytes over the FFN's
   * @param microsPerLayer of one position on one thread, the fastest of several rounds
   */
  public record Row(
      int bits, int directions, String bound, double delta, double provenShare, double wrongShare,
      double ramShare, double microsPerLayer) {}

  /**
   * How often errors exceeded their bound by dither, over fresh dithers.
   *
   * @param decisions (dither, neuron, position) triples
   * @param exceededShare of decisions, those where e·r was above its bound, which δ limits
   * @param wrongShare of decisions, those that left out an active neuron
   */
  public record Violations(
      int bits, double delta, long decisions, int dithers, double exceededShare,
      double wrongShare) {}
}
