package dev.sluice.bench.papers;

import dev.sluice.storage.threshold.ActiveRule;
import java.util.Locale;

/**
 * Which neurons count as active.
 *
 * @param cett the target whose thresholds are taken; 0 with the exact rule
 */
record Selection(ActiveRule rule, double cett) {
  static final Selection EXACT = new Selection(ActiveRule.EXACT, 0);

  @Override
  public String toString() {
    return rule == ActiveRule.EXACT ? "exact" : String.format(Locale.ROOT, "%s %s", rule.key(),
        cett);
  }
}
