package dev.sluice.engine.session;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.threshold.OnePercentTargets;
import java.util.List;
import java.util.OptionalDouble;

/** Turns what a user says about sparsity into thresholds, from what the store knows. */
public final class SparsityChoice {
  private SparsityChoice() {}

  /** Whether the store has been bundled from a trace, so that thresholds are known. */
  public static boolean hasThresholds(Store store) {
    return store.blob(StoreKeys.curve(ActiveRule.OUTPUT)).isPresent();
  }

  /**
   * The thresholds for a rule at a CETT target.
   *
   * @param cett the target; empty means the CETT-PPL-1 % target found when the store was traced
   * @throws BadInputException if the store has no curves or no such target
   */
  public static Activity resolve(Store store, ActiveRule rule, OptionalDouble cett) {
    int layers = store.spec().layers();
    if (rule == ActiveRule.EXACT) {
      if (cett.isPresent()) {
        throw new BadInputException(
            "--rule exact", "it has no CETT target", "leave out --cett, or use --rule output");
      }
      return Activity.exact(layers);
    }
    byte[] bytes =
        store
            .blob(StoreKeys.curve(rule))
            .orElseThrow(
                () -> new BadInputException(
                    store.folder(),
                    "it has no thresholds of the rule " + rule.key(),
                    "run `sluice trace` on it, then `sluice bundle`"));
    double target = cett.orElseGet(() -> onePercentTarget(store, rule));
    List<CettCurve> curves;
    try {
      curves = CettCurve.decode(bytes);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(store.folder(), e.getMessage(), "bundle it again", e);
    }
    if (curves.size() != layers) {
      throw new BadInputException(store.folder(), "its thresholds do not fit its layers",
          "bundle it again");
    }
    return new Activity(rule, target, CettCurve.thresholdsAt(curves, target));
  }

  /** The CETT target at which perplexity had risen by one per cent on the search text. */
  public static double onePercentTarget(Store store, ActiveRule rule) {
    return findOnePercentTarget(store, rule)
        .orElseThrow(
            () -> new BadInputException(
                store.folder(),
                "no one-per-cent target was searched for the rule " + rule.key(),
                "give --cett, or trace with --search-text"));
  }

  /** The same, if the store has one. */
  public static OptionalDouble findOnePercentTarget(Store store, ActiveRule rule) {
    try {
      return store
          .blob(StoreKeys.TARGETS)
          .map(json -> OnePercentTargets.decode(json).of(rule))
          .orElse(OptionalDouble.empty());
    } catch (IllegalArgumentException e) {
      throw new BadInputException(store.folder(), e.getMessage(), "bundle it again", e);
    }
  }
}
