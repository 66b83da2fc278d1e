package dev.sluice.bundler.predictor;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.ModelSpec;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A predictor to be fitted, as a user names it: {@code quantised-BITS}, {@code low-rank-RANK}.
 *
 * @param rank mean rank over layers; 0 where there are no factors
 * @param bits of a low-bit copy; 0 where there is none
 */
public record PredictorRecipe(Kind kind, int rank, int bits) {
  private static final Pattern FORM =
      Pattern.compile("(quantised|low-rank|trained)-([1-9][0-9]{0,3})");
  private static final int MAX_RANK = 4096;

  /** What can be fitted. */
  public enum Kind {
    QUANTISED,
    LOW_RANK,
    TRAINED
  }

  /** The copy with this many bits. */
  public static PredictorRecipe quantised(int bits) {
    return parse("quantised-" + bits);
  }

  /**
   * Reads a name.
   *
   * @throws BadInputException if there is no such predictor
   */
  public static PredictorRecipe parse(String name) {
    Matcher matcher = FORM.matcher(name);
    if (matcher.matches()) {
      int number = Integer.parseInt(matcher.group(2));
      switch (matcher.group(1)) {
        case "quantised" -> {
          if (List.of(1, 2, 4, 8).contains(number)) {
            return new PredictorRecipe(Kind.QUANTISED, 0, number);
          }
        }
        case "low-rank" -> {
          if (number >= 4 && number <= MAX_RANK) {
            return new PredictorRecipe(Kind.LOW_RANK, number, 0);
          }
        }
        default -> {
          if (number >= 4 && number <= MAX_RANK) {
            return new PredictorRecipe(Kind.TRAINED, number, 0);
          }
        }
      }
    }
    throw new BadInputException(
        "predictor " + name, "cannot be fitted",
        "use quantised-{1,2,4,8}, low-rank-RANK or trained-RANK, with ranks from 4 to "
            + MAX_RANK);
  }

  /** Starts fitting. */
  public PredictorFit start(ModelSpec spec, double recallTarget, List<QuantisedFit.Target> targets,
      int chosenTarget, long seed, Arena arena) {
    return switch (kind) {
      case QUANTISED -> new QuantisedFit(spec, bits, recallTarget, targets, arena);
      case LOW_RANK ->
          new LowRankFit(spec, rank, recallTarget, targets, chosenTarget, seed, arena);
      case TRAINED -> throw new IllegalStateException("not yet");
    };
  }

  @Override
  public String toString() {
    return switch (kind) {
      case QUANTISED -> "quantised-" + bits;
      case LOW_RANK -> "low-rank-" + rank;
      case TRAINED -> "trained-" + rank;
    };
  }
}
