package dev.sluice.bundler.predictor;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A predictor to be fitted, as a user names it: {@code quantised-BITS}, {@code certified-BITS}, {@code low-rank-RANK}, {@code trained-RANK}, {@code
 * trained-relu-RANK} or {@code cascade-RANK-BITS}; those with thin matrices alone also with {@code early-} or {@code ahead-} before them;
 * or {@code moefication}.
 *
 * @param input what it sees
 * @param rank mean rank over layers; 0 where there are no thin matrices
 * @param bits of a low-bit copy; 0 where there is none
 */
public record PredictorRecipe(Kind kind, PredictorInput input, int rank, int bits) {
  private static final Pattern FORM =
      Pattern.compile(
          "(?:early-|ahead-)?(quantised|certified|low-rank|trained|trained-relu|cascade)-(\\d{1,4})(?:-(\\d))?");
  private static final int MIN_RANK = 4;
  private static final int MAX_RANK = 4096;

  /** What can be fitted. */
  public enum Kind {
    QUANTISED,
    LOW_RANK,
    TRAINED,
    TRAINED_RELU,
    CASCADE,
    CERTIFIED,
    MOEFICATION
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
    if (name.equals("moefication")) {
      return new PredictorRecipe(Kind.MOEFICATION, PredictorInput.FFN, 0, 0);
    }
    Matcher matcher = FORM.matcher(name);
    if (matcher.matches()) {
      int first = Integer.parseInt(matcher.group(2));
      int second = matcher.group(3) == null ? 0 : Integer.parseInt(matcher.group(3));
      PredictorInput input = PredictorInput.of(name);
      PredictorRecipe recipe = switch (matcher.group(1)) {
        case "quantised" -> new PredictorRecipe(Kind.QUANTISED, input, 0, first);
        case "certified" -> new PredictorRecipe(Kind.CERTIFIED, input, 0, first);
        case "low-rank" -> new PredictorRecipe(Kind.LOW_RANK, input, first, second);
        case "trained" -> new PredictorRecipe(Kind.TRAINED, input, first, second);
        case "trained-relu" -> new PredictorRecipe(Kind.TRAINED_RELU, input, first, second);
        default -> new PredictorRecipe(Kind.CASCADE, input, first, second);
      };
      if (recipe.isPossible() && recipe.toString().equals(name)) {
        return recipe;
      }
    }
    throw new BadInputException(
        "predictor " + name, "cannot be fitted",
        "use quantised-BITS, low-rank-RANK, trained-RANK, trained-relu-RANK or cascade-RANK-BITS, the "
            + "middle three also with early- or ahead- before, with 1, 2, "
            + "3, 4 or 8 bits and ranks from " + MIN_RANK + " to " + MAX_RANK
            + ", or certified-BITS with 4, 5, 6 or 8, or moefication");
  }

  private boolean isPossible() {
    if (kind == Kind.CERTIFIED) {
      return input == PredictorInput.FFN && rank == 0 && List.of(4, 5, 6, 8).contains(bits);
    }
    boolean ranked = kind == Kind.QUANTISED ? rank == 0 : rank >= MIN_RANK && rank <= MAX_RANK;
    boolean copied = kind == Kind.QUANTISED || kind == Kind.CASCADE
        ? PackedRows.BITS.contains(bits)
        : bits == 0;
    boolean seen = input == PredictorInput.FFN || bits == 0;
    return ranked && copied && seen;
  }

  /** Whether what it sees of a layer is such inputs. */
  public boolean looksAt(PredictorInput inputs, int layer) {
    return input.at(layer) == inputs;
  }

  /**
   * Starts fitting.
   *
   * @param targets what is calibrated
   * @param chosenTarget index of the target by which ranks are chosen, and which networks are trained for
   */
  public PredictorFit start(ModelSpec spec, double recallTarget, List<QuantisedFit.Target> targets,
      int chosenTarget, long seed, Arena arena) {
    return switch (kind) {
      case QUANTISED -> new QuantisedFit(spec, bits, recallTarget, targets, chosenTarget, arena);
      case LOW_RANK -> new LowRankFit(spec, toString(), rank, recallTarget, targets, chosenTarget,
          seed, arena);
      case TRAINED -> new TrainedFit(spec, toString(), Middle.LINEAR, rank, recallTarget, targets,
          chosenTarget, seed);
      case TRAINED_RELU ->
          new TrainedFit(spec, toString(), Middle.RELU, rank, recallTarget, targets,
              chosenTarget, seed);
      case CASCADE -> new CascadeFit(spec, rank, bits, recallTarget, targets, chosenTarget, seed);
      case CERTIFIED -> new CertifiedFit(spec, bits, seed);
      case MOEFICATION -> new ExpertFit(spec, recallTarget, targets, chosenTarget, seed);
    };
  }

  @Override
  public String toString() {
    return input.prefix() + switch (kind) {
      case QUANTISED -> "quantised-" + bits;
      case LOW_RANK -> "low-rank-" + rank;
      case TRAINED -> "trained-" + rank;
      case TRAINED_RELU -> "trained-relu-" + rank;
      case CASCADE -> "cascade-" + rank + "-" + bits;
      case CERTIFIED -> "certified-" + bits;
      case MOEFICATION -> "moefication";
    };
  }
}
