package dev.sluice.cli;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.RunShape;
import dev.sluice.engine.session.SparsityChoice;
import dev.sluice.engine.session.TokenForecast;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.predictor.ErrorBound;
import dev.sluice.storage.predictor.PredictorInput;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import picocli.CommandLine.Option;

/** Which neurons count and who foresees them, shared by the verbs that run a model. */
final class SparsityOptions {
  private static final double LEAST_DELTA = 1e-300;

  @Option(
      names = "--rule",
      paramLabel = "RULE",
      description = {
        "What makes a neuron active: exact (h is not 0), output (|h| times the norm of its column reaches the layer's "
            + "threshold) or gate (|act(gate)| reaches it; gated models only).",
        "Default: gate where it is resident, output elsewhere, where the store has thresholds; otherwise exact."
      })
  private String rule;

  @Option(
      names = "--cett",
      paramLabel = "TARGET",
      description = {
        "Thresholds for this cumulative error of tail truncation, such as 0.1; 0 means the exact rule.",
        "Default: the target at which perplexity had risen by 1 %% when the store was traced."
      })
  private Double cett;

  @Option(
      names = "--predictor",
      paramLabel = "NAME",
      description = {
        "Who says what to read: all, oracle (computes everything from a copy in memory; a bound, not charged to any "
            + "budget), gate (where `bundle --resident-gate` keeps it; with the gate rule), quantised or quantised-{1,2,3,4,8} (a resident low-bit copy), or what `bundle --predictors` fitted: "
            + "low-rank-RANK, trained-RANK, trained-RANK-top, trained-relu-RANK (each also with early- or ahead- before it), cascade-RANK-BITS, "
            + "certified-BITS (see --exact), moefication (experts chosen by a router; moefication-PERCENT of them), "
            + "dip-ca-PERCENT (the 4-bit copy, less what is not resident and small: an error budget in per cent of the FFN's output). "
            + "Or the prompt, for all that follows: tda (neurons whose root mean square magnitude over it reaches the threshold; "
            + "also tda-union, tda-mean), griffin-PERCENT (the share that it used most).",
        "Default: with --ram the one with which a token is expected to be quickest (`sluice plan` shows by how much); "
            + "otherwise gate where it is resident, the store's 4-bit copy, the first other that it has, or all."
      })
  private String predictor;

  @Option(
      names = "--exact",
      description = "ReLU and ReLU² models: leave out only what a certified copy (`bundle --predictors certified-4`) proves to be 0, so "
          + "that logits are the dense run's to the bit. Implies --rule exact, and the store's certified copy with most bits unless "
          + "--predictor names one.")
  private boolean exact;

  @Option(
      names = "--exact-delta",
      paramLabel = "P",
      description = "The same, but with at most this probability, such as 1e-9, that any logit of the whole run differs: a proof by "
          + "the copy's dither, which leaves out more. Every decision gets an equal share of P.")
  private Double exactDelta;

  Activity activity(Store store) {
    if (cett != null && !(cett >= 0 && cett < 1)) {
      throw new BadInputException("--cett " + cett, "a CETT target lies between 0 and 1",
          "give one such as 0.1");
    }
    return SparsityChoice.resolve(
        store, rule(store),
        cett == null || cett == 0 ? OptionalDouble.empty() : OptionalDouble.of(cett));
  }

  private ActiveRule rule(Store store) {
    if (isExact()) {
      if (rule != null && !rule.equals(ActiveRule.EXACT.key()) || cett != null && cett != 0) {
        throw new BadInputException("--exact", "a threshold leaves out what is not 0",
            "leave out --rule and --cett, or use --predictor certified-4 with them");
      }
      return ActiveRule.EXACT;
    }
    if (cett != null && cett == 0) {
      return ActiveRule.EXACT;
    }
    if (rule != null) {
      try {
        return ActiveRule.ofKey(rule);
      } catch (IllegalArgumentException e) {
        throw new BadInputException("--rule " + rule, "there is no such rule",
            "use exact, output or gate", e);
      }
    }
    ActiveRule usual = store.spec().hasResidentGate() ? ActiveRule.GATE : ActiveRule.OUTPUT;
    boolean known = cett != null || SparsityChoice.findOnePercentTarget(store, usual).isPresent();
    return known ? usual : ActiveRule.EXACT;
  }

  boolean isPredictorGiven() {
    return predictor != null || isExact();
  }

  private boolean isExact() {
    return exact || exactDelta != null;
  }

  PredictorChoice predictor(Store store, RunShape shape) {
    return isExact() || predictor != null ? predictorOr(store, shape.context(), PredictorChoice.ALL)
        : defaultPredictor(store);
  }

  /** The same under a ceiling for the whole process: the quickest, where the store knows what its predictors name. */
  PredictorChoice predictor(Store store, RunShape shape, long ramBytes) {
    return isExact() || predictor != null ? predictorOr(store, shape.context(), PredictorChoice.ALL)
        : quickest(store, shape, ramBytes);
  }

  static PredictorChoice quickest(Store store, RunShape shape, long ramBytes) {
    return TokenForecast.quickest(store, shape, ramBytes,
        Merging.of(store.ffn().file(), Merging.AUTO).limits())
        .orElseGet(() -> defaultPredictor(store));
  }

  /** What runs unless another is named. */
  private static PredictorChoice defaultPredictor(Store store) {
    if (store.spec().hasResidentGate()) {
      return PredictorChoice.GATE;
    }
    if (store.blobKeys().contains(StoreKeys.quantised(4))) {
      return PredictorChoice.quantised(4);
    }
    List<PredictorChoice> fitted =
        StoreKeys.predictors(store).stream().map(PredictorChoice::parse).toList();
    return fitted.stream().filter(choice -> choice.input() == PredictorInput.FFN).findFirst()
        .or(() -> fitted.stream().findFirst())
        .orElse(PredictorChoice.ALL);
  }

  /**
   * For checks that run everything unless asked otherwise: the rule alone decides.
   *
   * @param positions how many tokens the run will take at most, each of which decides about every neuron
   */
  PredictorChoice predictorOr(Store store, int positions, PredictorChoice fallback) {
    if (!isExact()) {
      return ofEachToken(fallback);
    }
    PredictorChoice choice =
        predictor == null ? certified(store) : PredictorChoice.parse(predictor);
    if (choice.kind() != PredictorChoice.Kind.CERTIFIED || choice.delta() > 0) {
      throw new BadInputException("--predictor " + predictor, "--exact needs one that proves",
          "use certified-4, -5, -6 or -8, without a probability of its own");
    }
    if (exactDelta == null) {
      return choice;
    }
    if (exact || !(exactDelta > 0 && exactDelta < 1)) {
      throw new BadInputException("--exact-delta " + exactDelta,
          exact ? "--exact leaves nothing to chance" : "a probability lies between 0 and 1",
          exact ? "give one of the two" : "give one such as 1e-9");
    }
    double decisions = (double) positions * store.spec().layers() * store.spec().feedForward();
    double each = ErrorBound.perDecision(exactDelta, decisions);
    if (each < LEAST_DELTA) {
      throw new BadInputException("--exact-delta " + exactDelta,
          "each of " + decisions + " decisions would get less than " + LEAST_DELTA,
          "give a larger one, or use --exact");
    }
    return choice.withDelta(each);
  }

  /** Texts are taken in blocks there, of which no part is a prompt. */
  private PredictorChoice ofEachToken(PredictorChoice fallback) {
    PredictorChoice choice = predictor == null ? fallback : PredictorChoice.parse(predictor);
    if (choice.sequenceMethod().isPresent()) {
      throw new BadInputException("--predictor " + choice, "it needs a prompt that chooses",
          "use sluice run");
    }
    if (choice.kind() == PredictorChoice.Kind.DIP_CA) {
      throw new BadInputException("--predictor " + choice,
          "it depends on what is resident, and texts are taken in blocks here, with all weights at hand",
          "use sluice run, or bench papers --only systems");
    }
    return choice;
  }

  /** The store's copy with most bits. */
  private static PredictorChoice certified(Store store) {
    return StoreKeys.predictors(store).stream().map(PredictorChoice::parse)
        .filter(choice -> choice.kind() == PredictorChoice.Kind.CERTIFIED)
        .max(Comparator.comparingInt(PredictorChoice::bits))
        .orElseThrow(() -> new BadInputException(store.folder(), "it has no certified copy",
            "bundle it with --predictors certified-4, or -5, -6, -8"));
  }

  /** The same for the rule: exact unless a rule or target was named. */
  Activity activityOrExact(Store store) {
    return rule == null && cett == null && !isExact() ? Activity.exact(store.spec().layers())
        : activity(store);
  }

  /** Exact unless a rule or target was named; a quantised copy of a model without exact zeros needs thresholds. */
  Activity activityFor(Store store, PredictorChoice choice) {
    Activation activation = store.spec().activation();
    boolean zeros = activation == Activation.RELU || activation == Activation.RELU2;
    boolean foresees = choice.kind() != PredictorChoice.Kind.ALL
        && choice.kind() != PredictorChoice.Kind.ORACLE;
    boolean needsThresholds = foresees && !zeros;
    return needsThresholds ? activity(store) : activityOrExact(store);
  }
}
