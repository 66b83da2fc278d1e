package dev.sluice.bundler.coactivation;

/**
 * Consecutive tokens of a trace, so that an order is made from one part and judged on another.
 *
 * @param first first token
 * @param end token behind the last
 */
public record TokenRange(int first, int end) {
  /**
   * @throws IllegalArgumentException if the range is empty or begins before token 0
   */
  public TokenRange {
    if (first < 0 || end <= first) {
      throw new IllegalArgumentException("tokens " + first + ".." + end);
    }
  }

  /** How many tokens. */
  public int tokens() {
    return end - first;
  }

  /** The range cut in two after {@code share} of its tokens, at a multiple of {@code windowTokens} from its start. */
  public TokenRange[] split(double share, int windowTokens) {
    int cut = (int) (tokens() * share) / windowTokens * windowTokens;
    return new TokenRange[] {new TokenRange(first, first + cut), new TokenRange(first + cut, end)};
  }
}
