package dev.sluice.engine.session;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A predictor as a user names it.
 *
 * @param kind which one
 * @param rank mean rank of a predictor with thin matrices; 0 for the others
 * @param bits bits per element of a quantised copy; 0 where there is none
 */
public record PredictorChoice(Kind kind, int rank, int bits) {
  public static final PredictorChoice ALL = new PredictorChoice(Kind.ALL, 0, 0);
  public static final PredictorChoice ORACLE = new PredictorChoice(Kind.ORACLE, 0, 0);

  private static final Pattern NUMBERED =
      Pattern.compile("(quantised|low-rank|trained)-([1-9][0-9]{0,3})(-top)?");

  // What StoreKeys calls a predictor; of one with a blob for each layer, the first.
  private static final Pattern STORED =
      Pattern.compile("predictor/(quantised-[1248]|(?:low-rank|trained)-[1-9][0-9]{0,3}(?=/0$))(?:/0)?");

  /** The predictors that the engine has. */
  public enum Kind {
    ALL,
    ORACLE,
    QUANTISED,
    LOW_RANK,
    TRAINED,
    TRAINED_TOP
  }

  /** The quantised copy with this many bits. */
  public static PredictorChoice quantised(int bits) {
    return new PredictorChoice(Kind.QUANTISED, 0, bits);
  }

  /**
   * Reads {@code all}, {@code oracle}, {@code quantised} (4 bits), {@code quantised-BITS}, {@code low-rank-RANK}, {@code
   * trained-RANK} or {@code trained-RANK-top}, which names equally many at each position.
   *
   * @throws BadInputException if it is none of these
   */
  public static PredictorChoice parse(String text) {
    switch (text) {
      case "all" -> {
        return ALL;
      }
      case "oracle" -> {
        return ORACLE;
      }
      case "quantised" -> {
        return quantised(4);
      }
      default -> {
        Matcher matcher = NUMBERED.matcher(text);
        if (matcher.matches()) {
          int number = Integer.parseInt(matcher.group(2));
          boolean top = matcher.group(3) != null;
          String family = matcher.group(1);
          if (family.equals("quantised") && !top && List.of(1, 2, 4, 8).contains(number)) {
            return quantised(number);
          }
          if (family.equals("low-rank") && !top) {
            return new PredictorChoice(Kind.LOW_RANK, number, 0);
          }
          if (family.equals("trained")) {
            return new PredictorChoice(top ? Kind.TRAINED_TOP : Kind.TRAINED, number, 0);
          }
        }
        throw new BadInputException(
            "--predictor " + text,
            "there is no such predictor",
            "use all, oracle, quantised-{1,2,4,8}, low-rank-RANK, trained-RANK or "
                + "trained-RANK-top");
      }
    }
  }

  /** The name under which the store keeps it; where it keeps none, the name itself. */
  String stored() {
    return switch (kind) {
      case ALL -> "all";
      case ORACLE -> "oracle";
      case QUANTISED -> "quantised-" + bits;
      case LOW_RANK -> "low-rank-" + rank;
      case TRAINED, TRAINED_TOP -> "trained-" + rank;
    };
  }

  /** What is thrown when a store does not have it. */
  BadInputException missing(Store store) {
    return new BadInputException(
        store.folder(),
        "it has no predictor " + this,
        kind == Kind.QUANTISED
            ? "bundle it with --predictor-bits " + bits
            : "bundle it with --predictors " + stored());
  }

  /** Those that a store has, by name; {@code all} among them, which needs nothing. */
  public static List<PredictorChoice> of(Store store) {
    List<PredictorChoice> choices = new ArrayList<>(List.of(ALL));
    Matcher matcher = STORED.matcher("");
    for (String key : store.blobKeys()) {
      if (matcher.reset(key).matches()) {
        choices.add(parse(matcher.group(1)));
      }
    }
    return List.copyOf(choices);
  }

  @Override
  public String toString() {
    return kind == Kind.TRAINED_TOP ? stored() + "-top" : stored();
  }
}
