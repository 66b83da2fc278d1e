package dev.sluice.bench.cache;

import dev.sluice.storage.plan.ReadPlanner;
import java.nio.file.Path;
import java.util.List;

/**
 * What a trial of cache policies does.
 *
 * @param store bundled: its order and frequencies decide where bundles lie and which are pinned
 * @param trace of another text than the store was bundled from, of the same model
 * @param folder on the disk to be read; a copy of the store with wider bundles is made there, and deleted
 * @param strideBytes width of its bundles on disk; 0 reads the store itself
 * @param policies their names; the first with the first share of pins is the control
 * @param slotShares slots, as shares of the FFN's bundles
 * @param pinShares shares of the slots that hold the most frequent bundles for good
 * @param warmTokens fill the slots, and are not counted
 * @param tokens of a round
 * @param rounds each over the tokens that follow those of the round before
 * @param limits how reads are merged
 */
public record CachePlan(
    Path store, Path trace, Path folder, int strideBytes, List<String> policies,
    List<Double> slotShares, List<Double> pinShares, int warmTokens, int tokens, int rounds,
    ReadPlanner.Limits limits) {
  public CachePlan {
    policies = List.copyOf(policies);
    slotShares = List.copyOf(slotShares);
    pinShares = List.copyOf(pinShares);
  }

  int lastToken() {
    return warmTokens + rounds * tokens;
  }
}
