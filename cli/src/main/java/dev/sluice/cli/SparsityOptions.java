package dev.sluice.cli;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.RunShape;
import dev.sluice.engine.session.SparsityChoice;
import dev.sluice.engine.session.TokenForecast;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.OptionalDouble;
import picocli.CommandLine.Option;

/** Which neurons count and who foresees them, shared by the verbs that run a model. */
final class SparsityOptions {
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
            + "budget), gate (where `bundle --resident-gate` keeps it; with the gate rule), quantised or quantised-{1,2,4,8} (a resident low-bit copy), or what `bundle --predictors` fitted: "
            + "low-rank-RANK, trained-RANK, trained-RANK-top, trained-relu-RANK (each also with early- before it), cascade-RANK-BITS. "
            + "Or the prompt, for all that follows: tda (neurons whose root mean square magnitude over it reaches the threshold; "
            + "also tda-union, tda-mean), griffin-PERCENT (the share that it used most).",
        "Default: with --ram the one with which a token is expected to be quickest (`sluice plan` shows by how much); "
            + "otherwise gate where it is resident, the store's 4-bit copy, the first other that it has, or all."
      })
  private String predictor;

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

  PredictorChoice predictor(Store store) {
    if (predictor != null) {
      return PredictorChoice.parse(predictor);
    }
    return defaultPredictor(store);
  }

  /** The same under a ceiling for the whole process: the quickest, where the store knows what its predictors name. */
  PredictorChoice predictor(Store store, RunShape shape, long ramBytes) {
    return predictor != null ? PredictorChoice.parse(predictor) : quickest(store, shape, ramBytes);
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
    return StoreKeys.predictors(store).stream().findFirst().map(PredictorChoice::parse)
        .orElse(PredictorChoice.ALL);
  }

  /** For checks that run everything unless asked otherwise: the rule alone decides. */
  PredictorChoice predictorOr(PredictorChoice fallback) {
    PredictorChoice choice = predictor == null ? fallback : PredictorChoice.parse(predictor);
    if (choice.sequenceMethod().isPresent()) {
      throw new BadInputException("--predictor " + choice, "it needs a prompt that chooses",
          "use sluice run");
    }
    return choice;
  }

  /** The same for the rule: exact unless a rule or target was named. */
  Activity activityOrExact(Store store) {
    return rule == null && cett == null ? Activity.exact(store.spec().layers()) : activity(store);
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
