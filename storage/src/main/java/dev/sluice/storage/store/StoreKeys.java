package dev.sluice.storage.store;

import dev.sluice.storage.threshold.ActiveRule;
import java.util.List;

/** Keys of the blobs that bundling leaves in a store's catalog for the engine. */
public final class StoreKeys {
  /** {@code column-norms}: ‖W_down[:,i]‖, layers × neurons in neuron order, little-endian float32. */
  public static final String COLUMN_NORMS = "column-norms";

  /**
   * {@code frequency}: share of traced tokens at which each neuron was active, layers × neurons in neuron order,
   * little-endian float32.
   */
  public static final String FREQUENCY = "frequency";

  /** {@code targets}: JSON object, rule key to the CETT-PPL-1 % target. */
  public static final String TARGETS = "targets";

  /** {@code quantisation}: {@link QuantisationErrors} of a store whose weights were encoded anew. */
  public static final String QUANTISATION = "quantisation";

  /** {@code named-shares}: {@link dev.sluice.storage.predictor.NamedShares} of the store's predictors. */
  public static final String NAMED_SHARES = "named-shares";

  private StoreKeys() {}

  /** {@code curve/RULE}: the layers' {@link dev.sluice.storage.threshold.CettCurve}s. */
  public static String curve(ActiveRule rule) {
    return "curve/" + rule.key();
  }

  /** {@code search/RULE}: the {@link dev.sluice.storage.threshold.TargetSearch} that found a rule's target; older stores have none. */
  public static String search(ActiveRule rule) {
    return "search/" + rule.key();
  }

  /** {@code predictor/quantised-BITS}: a {@link dev.sluice.storage.predictor.QuantisedCopy}. */
  public static String quantised(int bits) {
    return "predictor/quantised-" + bits;
  }

  /**
   * {@code predictor/NAME/LAYER}: one layer of a predictor with matrices of its own, such as {@code low-rank-64}; a {@link
   * dev.sluice.storage.predictor.LowRankLayer}, of a cascade a {@link dev.sluice.storage.predictor.CascadeLayer}, of a certified copy a
   * {@link dev.sluice.storage.predictor.CertifiedLayer}.
   */
  public static String predictorLayer(String name, int layer) {
    return "predictor/" + name + "/" + layer;
  }

  /** Names of the predictors that a store has, ascending. */
  public static List<String> predictors(Store store) {
    return store.blobKeys().stream()
        .filter(key -> key.startsWith("predictor/"))
        .map(key -> key.split("/")[1])
        .distinct()
        .toList();
  }

  /** Whether a blob is the predictor of that name, or a part of it. */
  public static boolean isOfPredictor(String key, String name) {
    return key.equals("predictor/" + name) || key.startsWith("predictor/" + name + "/");
  }
}
