package dev.sluice.engine.predict;

import java.util.Arrays;

/**
 * Cache-aware selection (after DIP-CA, arXiv 2412.01380): of the neurons that a resident copy names, those that are resident are all
 * named, and of those that would have to be read the ones of smallest predicted magnitude are left out, as many as an error
 * budget allows. With mᵢ the predicted |hᵢ|·‖columnᵢ‖ and columns taken as orthogonal, what is left out is ‖Σ nᵢ‖² ≈ Σ mᵢ², and the
 * budget β is a CETT: Σ of the left out ≤ β² · Σ over all neurons. Smallest first, equal ones in neuron order.
 *
 * <p>Who is named depends on what is resident, and so do results: on the number of slots, on the policy, and on all tokens since
 * the session began or restarted. They do not depend on timing, threads, the backend or the order on disk, unless the policy
 * looks at that order. Immutable; thread-safe.
 */
public final class CacheAwarePredictor implements ActivePredictor {
  private final String name;
  private final QuantisedPredictor copy;
  private final double budget;

  /**
   * @param copy names neurons and estimates what they are worth
   * @param budget β, 0 to 1
   */
  public CacheAwarePredictor(String name, QuantisedPredictor copy, double budget) {
    this.name = name;
    this.copy = copy;
    this.budget = budget;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long residentBytes() {
    return copy.residentBytes();
  }

  /** Where all weights are at hand nothing is saved by leaving any out: what the copy names. */
  @Override
  public void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    copy.predict(layer, normed, offset, count, predicted, scratch);
  }

  /**
   * Predicts for one position, knowing what is resident.
   *
   * @param resident 1 or 0 for each neuron
   * @param predicted receives 1 or 0 for each neuron
   */
  public void predict(int layer, float[] normed, int offset, byte[] resident, byte[] predicted,
      PredictorScratch scratch) {
    float[] magnitudes = scratch.magnitudes(copy.neurons());
    copy.predict(layer, normed, offset, predicted, magnitudes, scratch);
    leaveOut(magnitudes, copy.neurons(), resident, budget, predicted,
        scratch.ranked(copy.neurons()));
  }

  /**
   * Takes back what the budget allows.
   *
   * @param magnitudes not negative, the first {@code neurons} of them
   * @param named 1 or 0 for each neuron; leaves with fewer
   * @param ranked room for as many
   */
  static void leaveOut(float[] magnitudes, int neurons, byte[] resident, double budget,
      byte[] named, long[] ranked) {
    double all = 0;
    int candidates = 0;
    for (int i = 0; i < neurons; i++) {
      all += (double) magnitudes[i] * magnitudes[i];
      if (named[i] != 0 && resident[i] == 0) {
        // Bits of floats that are not negative order as they do.
        ranked[candidates++] = (long) Float.floatToRawIntBits(magnitudes[i]) << 32 | i;
      }
    }
    Arrays.sort(ranked, 0, candidates);
    double allowed = budget * budget * all;
    double leftOut = 0;
    for (int k = 0; k < candidates; k++) {
      int neuron = (int) ranked[k];
      leftOut += (double) magnitudes[neuron] * magnitudes[neuron];
      if (leftOut > allowed) {
        break;
      }
      named[neuron] = 0;
    }
  }
}
