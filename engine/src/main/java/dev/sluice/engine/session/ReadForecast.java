package dev.sluice.engine.session;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.plan.ExpectedReads;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.predictor.NamedShares;
import dev.sluice.storage.store.FfnLayout.Part;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import java.util.Arrays;
import java.util.Optional;

/**
 * What a token is expected to read when all slots hold the most frequent bundles: each of the others misses at the rate at
 * which it was active in the trace, as if neurons fired independently, and more often by what its layer's predictor names beyond
 * what is active, where the store knows. A window that follows the text misses less.
 *
 * @param activeBundles that a token needs
 * @param namedBundles that a token computes, false alarms included
 * @param source where rates come from
 */
public record ReadForecast(ExpectedReads reads, double activeBundles, double namedBundles,
    Source source) {

  /** Where rates come from. */
  public enum Source {
    /** The trace that the store was bundled from. */
    TRACE("marginal rates of the trace"),
    /** Nothing is predicted: every neuron is wanted by every token. */
    EVERY_NEURON("every neuron at every token"),
    /** There was no trace. */
    UNTRACED("every neuron at every token, for want of a trace");

    private final String description;

    Source(String description) {
      this.description = description;
    }

    @Override
    public String toString() {
      return description;
    }
  }

  /** @throws dev.sluice.storage.BadInputException if the store's frequencies do not fit its layers */
  public static ReadForecast of(
      Store store, PredictorChoice predictor, int slots, ReadPlanner.Limits limits) {
    Optional<float[]> frequency = Engine.perNeuron(store, StoreKeys.FREQUENCY);
    boolean all = predictor.kind() == PredictorChoice.Kind.ALL;
    float[][] rates = byPosition(store, frequency.filter(_ -> !all));
    double active = sum(rates);
    if (frequency.isPresent() && !all) {
      namedShares(store, predictor).ifPresent(shares -> addFalseAlarms(rates, shares));
    }
    double named = sum(rates);
    silenceResident(rates, slots);
    ExpectedReads reads = new ExpectedReads(0, 0, 0);
    for (int layer = 0; layer < rates.length; layer++) {
      float[][] one = {rates[layer]};
      ExpectedReads bundles = new ExpectedReads(0, 0, 0);
      for (Part part : store.ffn().layers().get(layer)) {
        bundles = bundles.plus(ExpectedReads.of(one, part.strideBytes(), limits));
      }
      double parts = store.ffn().layers().get(layer).size();
      reads = reads.plus(
          new ExpectedReads(bundles.misses() / parts, bundles.requests(), bundles.bytes()));
    }
    Source source = all ? Source.EVERY_NEURON
        : frequency.isPresent() ? Source.TRACE : Source.UNTRACED;
    return new ReadForecast(reads, active, named, source);
  }

  private static double sum(float[][] rates) {
    double sum = 0;
    for (float[] layer : rates) {
      for (float rate : layer) {
        sum += rate;
      }
    }
    return sum;
  }

  private static Optional<float[]> namedShares(Store store, PredictorChoice predictor) {
    try {
      return store.blob(StoreKeys.NAMED_SHARES)
          .flatMap(json -> NamedShares.decode(json, store.spec().layers())
              .of(predictor.stored()));
    } catch (IllegalArgumentException e) {
      throw new BadInputException(store.folder(), e.getMessage(), "bundle it again", e);
    }
  }

  /** Alarms fall on neurons in proportion to how often they fire. */
  private static void addFalseAlarms(float[][] rates, float[] shares) {
    for (int layer = 0; layer < rates.length; layer++) {
      double active = sum(new float[][] {rates[layer]}) / rates[layer].length;
      float factor = active > 0 ? (float) Math.max(1, shares[layer] / active) : 1;
      for (int p = 0; p < rates[layer].length; p++) {
        rates[layer][p] = Math.min(1, rates[layer][p] * factor);
      }
    }
  }

  private static float[][] byPosition(Store store, Optional<float[]> frequency) {
    ModelSpec spec = store.spec();
    int neurons = spec.feedForward();
    float[][] rates = new float[spec.layers()][neurons];
    for (int layer = 0; layer < rates.length; layer++) {
      int[] order = store.order(layer);
      for (int p = 0; p < neurons; p++) {
        int at = layer * neurons + order[p];
        rates[layer][p] = frequency.map(values -> values[at]).orElse(1f);
      }
    }
    return rates;
  }

  /** The most frequent bundles, as many as there are slots, never miss; of equals, the first. */
  private static void silenceResident(float[][] rates, int slots) {
    int neurons = rates[0].length;
    long[] keys = new long[rates.length * neurons];
    for (int layer = 0; layer < rates.length; layer++) {
      for (int p = 0; p < neurons; p++) {
        // Of equals, first positions of all layers before any layer's later ones, as they are pinned.
        long tie = (long) p * rates.length + layer;
        int bits = Float.floatToRawIntBits(Math.max(0, rates[layer][p]));
        keys[layer * neurons + p] = (long) (Integer.MAX_VALUE - bits) << 32 | tie;
      }
    }
    Arrays.sort(keys);
    for (int k = 0; k < Math.min(slots, keys.length); k++) {
      int tie = (int) keys[k];
      rates[tie % rates.length][tie / rates.length] = 0;
    }
  }
}
