package dev.sluice.engine.sample;

import dev.sluice.storage.BadInputException;

/**
 * How tokens are drawn. Immutable.
 *
 * @param temperature divides logits before the draw; 0 takes the most likely token and draws
 *     nothing
 * @param topK keeps this many of the most likely tokens; 0 keeps all
 * @param topP keeps the fewest most likely tokens whose probabilities reach this sum, above 0 up to
 *     1; 1 keeps all
 * @param minP keeps tokens at least this share as likely as the most likely one, 0 to 1; 0 keeps
 *     all
 * @param seed decides all draws
 */
public record SamplingOptions(double temperature, int topK, double topP, double minP, long seed) {
  private static final double MAX_TEMPERATURE = 1000;

  /**
   * @throws BadInputException naming the flag whose value is out of range
   */
  public SamplingOptions {
    if (!(temperature >= 0 && temperature <= MAX_TEMPERATURE)) {
      throw new BadInputException(
          "--temp", temperature + " is not a temperature", "give 0 for greedy, or up to 1000");
    }
    if (topK < 0) {
      throw new BadInputException(
          "--top-k", topK + " is negative", "give how many tokens to keep, or 0 for all");
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new BadInputException(
          "--top-p", topP + " is not a probability above 0", "give up to 1, which keeps all");
    }
    if (!(minP >= 0 && minP <= 1)) {
      throw new BadInputException(
          "--min-p", minP + " is not a probability", "give 0, which keeps all, up to 1");
    }
  }

  /** Always the most likely token. */
  public static SamplingOptions greedy() {
    return new SamplingOptions(0, 0, 1, 0, 0);
  }

  /** llama.cpp's defaults: temperature 0.8, top-k 40, top-p 0.95, min-p 0.05. */
  public static SamplingOptions usual(long seed) {
    return new SamplingOptions(0.8, 40, 0.95, 0.05, seed);
  }
}
