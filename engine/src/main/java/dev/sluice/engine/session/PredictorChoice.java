package dev.sluice.engine.session;

import dev.sluice.storage.BadInputException;

/**
 * A predictor as a user names it.
 *
 * @param kind which one
 * @param bits bits per element of a quantised copy; 0 for the others
 */
public record PredictorChoice(Kind kind, int bits) {
  public static final PredictorChoice ALL = new PredictorChoice(Kind.ALL, 0);
  public static final PredictorChoice ORACLE = new PredictorChoice(Kind.ORACLE, 0);

  /** The predictors that the engine has. */
  public enum Kind {
    ALL,
    ORACLE,
    QUANTISED
  }

  /** The quantised copy with this many bits. */
  public static PredictorChoice quantised(int bits) {
    return new PredictorChoice(Kind.QUANTISED, bits);
  }

  /**
   * Reads {@code all}, {@code oracle}, {@code quantised} (4 bits) or {@code quantised-BITS}.
   *
   * @throws BadInputException if it is none of these
   */
  public static PredictorChoice parse(String text) {
    return switch (text) {
      case "all" -> ALL;
      case "oracle" -> ORACLE;
      case "quantised" -> quantised(4);
      case "quantised-1" -> quantised(1);
      case "quantised-2" -> quantised(2);
      case "quantised-4" -> quantised(4);
      case "quantised-8" -> quantised(8);
      default ->
          throw new BadInputException(
              "--predictor " + text,
              "there is no such predictor",
              "use all, oracle, quantised or quantised-{1,2,4,8}");
    };
  }

  @Override
  public String toString() {
    return switch (kind) {
      case ALL -> "all";
      case ORACLE -> "oracle";
      case QUANTISED -> "quantised-" + bits;
    };
  }
}
