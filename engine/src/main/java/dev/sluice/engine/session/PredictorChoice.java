package dev.sluice.engine.session;

import dev.sluice.engine.sequence.SequenceMethod;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.predictor.PackedRows;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A predictor as a user names it.
 *
 * @param kind which one
 * @param input what it looks at
 * @param rank mean rank of a predictor with thin matrices; of griffin the share of neurons in per cent, of moefication that of
 *     experts, 0 as many as were calibrated; of dip-ca the budget in per cent; 0 for the others
 * @param bits bits per element of a low-bit copy; 0 where there is none
 * @param delta of a certified predictor, the probability with which each decision may leave out an active neuron; 0: none does
 */
public record PredictorChoice(Kind kind, PredictorInput input, int rank, int bits, double delta) {
  public static final PredictorChoice ALL = new PredictorChoice(Kind.ALL, PredictorInput.FFN, 0, 0);
  public static final PredictorChoice ORACLE =
      new PredictorChoice(Kind.ORACLE, PredictorInput.FFN, 0, 0);

  /** Resident gate rows decide, see {@link dev.sluice.engine.ffn.GatePredictor}. */
  public static final PredictorChoice GATE =
      new PredictorChoice(Kind.GATE, PredictorInput.FFN, 0, 0);

  private static final Pattern CERTIFIED =
      Pattern.compile("certified-([4568])(?:@([0-9.]+(?:[eE][+-]?[0-9]{1,3})?))?");

  private static final Pattern NUMBERED = Pattern
      .compile(
          "(?:early-|ahead-)?(quantised|low-rank|trained|trained-relu|cascade)-(\\d{1,4})(?:-(\\d))?(-top)?");

  private static final Pattern PERCENT =
      Pattern.compile("(griffin|moefication|dip-ca)-([1-9]\\d{0,2})");

  private static final int DIP_CA_BITS = 4;

  /** The predictors that the engine has. */
  public enum Kind {
    ALL,
    ORACLE,
    GATE,
    QUANTISED,
    LOW_RANK,
    TRAINED,
    TRAINED_TOP,
    TRAINED_RELU,
    CASCADE,
    CERTIFIED,
    TDA,
    TDA_UNION,
    TDA_MEAN,
    GRIFFIN,
    MOEFICATION,
    DIP_CA
  }

  private PredictorChoice(Kind kind, PredictorInput input, int rank, int bits) {
    this(kind, input, rank, bits, 0);
  }

  private static PredictorChoice tda(SequenceMethod.Tda method) {
    Kind kind = switch (method) {
      case ROOT_MEAN_SQUARE -> Kind.TDA;
      case UNION -> Kind.TDA_UNION;
      case MEAN -> Kind.TDA_MEAN;
    };
    return new PredictorChoice(kind, PredictorInput.FFN, 0, 0);
  }

  /** The {@code percent} of neurons that a prompt used most. */
  public static PredictorChoice griffin(int percent) {
    return new PredictorChoice(Kind.GRIFFIN, PredictorInput.FFN, percent, 0);
  }

  /** As many experts as keep the recall that the store was bundled for. */
  public static PredictorChoice moefication() {
    return new PredictorChoice(Kind.MOEFICATION, PredictorInput.FFN, 0, 0);
  }

  /** What a copy of four bits names, less what is not resident and fits a budget of so many per cent. */
  public static PredictorChoice cacheAware(int percent) {
    return new PredictorChoice(Kind.DIP_CA, PredictorInput.FFN, percent, DIP_CA_BITS);
  }

  /** The method, where a prompt chooses for all that follows. */
  public Optional<SequenceMethod> sequenceMethod() {
    return switch (kind) {
      case TDA -> Optional.of(SequenceMethod.Tda.ROOT_MEAN_SQUARE);
      case TDA_UNION -> Optional.of(SequenceMethod.Tda.UNION);
      case TDA_MEAN -> Optional.of(SequenceMethod.Tda.MEAN);
      case GRIFFIN -> Optional.of(new SequenceMethod.Griffin(rank));
      default -> Optional.empty();
    };
  }

  /** The quantised copy with this many bits. */
  public static PredictorChoice quantised(int bits) {
    return new PredictorChoice(Kind.QUANTISED, PredictorInput.FFN, 0, bits);
  }

  /** The certified copy with this many bits, by norms. */
  public static PredictorChoice certified(int bits) {
    return new PredictorChoice(Kind.CERTIFIED, PredictorInput.FFN, 0, bits);
  }

  /** The same store's copy with another probability of failure for each decision; 0 for none. */
  public PredictorChoice withDelta(double each) {
    return new PredictorChoice(kind, input, rank, bits, each);
  }

  /**
   * Reads {@code all}, {@code oracle}, {@code gate}, {@code quantised} (4 bits), {@code quantised-BITS}, {@code low-rank-RANK}, {@code
   * trained-RANK}, {@code trained-RANK-top} (which names equally many at each position), {@code trained-relu-RANK} or
   * {@code cascade-RANK-BITS}, {@code certified-BITS} (a bound that always holds) or {@code certified-BITS@DELTA} (one that fails with
   * that probability); those with thin matrices alone also with {@code early-} or {@code ahead-} before them; {@code tda} and its kin, {@code
   * griffin-PERCENT}, {@code moefication}, {@code moefication-PERCENT} and {@code dip-ca-PERCENT}.
   *
   * @throws BadInputException if it is none of these
   */
  public static PredictorChoice parse(String text) {
    if (text.equals("all")) {
      return ALL;
    }
    if (text.equals("oracle")) {
      return ORACLE;
    }
    if (text.equals("gate")) {
      return GATE;
    }
    if (text.equals("quantised")) {
      return quantised(4);
    }
    for (SequenceMethod.Tda tda : SequenceMethod.Tda.values()) {
      if (text.equals(tda.key())) {
        return tda(tda);
      }
    }
    if (text.equals("moefication")) {
      return moefication();
    }
    Matcher percent = PERCENT.matcher(text);
    if (percent.matches() && Integer.parseInt(percent.group(2)) <= 100) {
      int share = Integer.parseInt(percent.group(2));
      return switch (percent.group(1)) {
        case "griffin" -> griffin(share);
        case "moefication" ->
            new PredictorChoice(Kind.MOEFICATION, PredictorInput.FFN, share, 0);
        default -> cacheAware(share);
      };
    }
    Matcher certified = CERTIFIED.matcher(text);
    if (certified.matches()) {
      PredictorChoice choice = certified(Integer.parseInt(certified.group(1)));
      double delta = certified.group(2) == null ? 0 : delta(text, certified.group(2));
      return choice.withDelta(delta);
    }
    Matcher matcher = NUMBERED.matcher(text);
    if (matcher.matches()) {
      int first = Integer.parseInt(matcher.group(2));
      int second = matcher.group(3) == null ? 0 : Integer.parseInt(matcher.group(3));
      boolean top = matcher.group(4) != null;
      PredictorInput input = PredictorInput.of(text);
      PredictorChoice choice = switch (matcher.group(1)) {
        case "quantised" -> quantised(first);
        case "low-rank" -> new PredictorChoice(Kind.LOW_RANK, input, first, second);
        case "trained" ->
            new PredictorChoice(top ? Kind.TRAINED_TOP : Kind.TRAINED, input, first, second);
        case "trained-relu" -> new PredictorChoice(Kind.TRAINED_RELU, input, first, second);
        default -> new PredictorChoice(Kind.CASCADE, input, first, second);
      };
      if (choice.isPossible() && choice.toString().equals(text)) {
        return choice;
      }
    }
    throw new BadInputException(
        "--predictor " + text,
        "there is no such predictor",
        "use all, oracle, gate, quantised-{1,2,3,4,8}, low-rank-RANK, trained-RANK, trained-RANK-top, "
            + "trained-relu-RANK or cascade-RANK-BITS (the four before the last also with early- or ahead- before them), "
            + "certified-{4,5,6,8}, tda, tda-union, tda-mean, griffin-PERCENT, moefication, moefication-PERCENT "
            + "or dip-ca-PERCENT");
  }

  private static double delta(String text, String number) {
    double delta;
    try {
      delta = Double.parseDouble(number);
    } catch (NumberFormatException e) {
      throw new BadInputException("--predictor " + text, number + " is no number",
          "give a probability such as 1e-18", e);
    }
    if (!(delta > 0 && delta < 1)) {
      throw new BadInputException("--predictor " + text,
          "a probability of failure lies between 0 and 1", "give one such as 1e-18");
    }
    return delta;
  }

  private boolean isPossible() {
    boolean ranked = kind == Kind.QUANTISED ? rank == 0 : rank > 0;
    boolean copied = kind == Kind.QUANTISED || kind == Kind.CASCADE
        ? PackedRows.BITS.contains(bits)
        : bits == 0;
    boolean seen = input == PredictorInput.FFN || bits == 0 && kind != Kind.QUANTISED;
    return ranked && copied && seen;
  }

  /** The name under which a store keeps it; where stores keep none, the name itself. */
  String stored() {
    return input.prefix() + switch (kind) {
      case ALL -> "all";
      case ORACLE -> "oracle";
      case GATE -> "gate";
      case QUANTISED -> "quantised-" + bits;
      case LOW_RANK -> "low-rank-" + rank;
      case TRAINED, TRAINED_TOP -> "trained-" + rank;
      case TRAINED_RELU -> "trained-relu-" + rank;
      case CASCADE -> "cascade-" + rank + "-" + bits;
      case TDA, TDA_UNION, TDA_MEAN, GRIFFIN -> sequenceMethod().orElseThrow().key();
      case CERTIFIED -> "certified-" + bits;
      case MOEFICATION -> "moefication";
      case DIP_CA -> "quantised-" + bits;
    };
  }

  /** What is thrown when a store does not have it. */
  BadInputException missing(Store store) {
    return new BadInputException(
        store.folder(),
        "it has no predictor " + this,
        kind == Kind.QUANTISED || kind == Kind.DIP_CA
            ? "bundle it with --predictor-bits " + bits
            : "bundle it with --predictors " + stored());
  }

  /** Those that a store has, by name; {@code all} among them, which needs nothing, and {@code gate} where it is resident. */
  public static List<PredictorChoice> of(Store store) {
    List<PredictorChoice> choices = new ArrayList<>(List.of(ALL));
    if (store.spec().hasResidentGate()) {
      choices.add(GATE);
    }
    StoreKeys.predictors(store).forEach(name -> choices.add(parse(name)));
    return List.copyOf(choices);
  }

  @Override
  public String toString() {
    return switch (kind) {
      case TRAINED_TOP -> stored() + "-top";
      case MOEFICATION -> rank == 0 ? stored() : stored() + "-" + rank;
      case DIP_CA -> "dip-ca-" + rank;
      case CERTIFIED -> delta == 0 ? stored() : stored() + "@" + delta;
      default -> stored();
    };
  }
}
