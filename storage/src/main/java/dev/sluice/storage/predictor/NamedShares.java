package dev.sluice.storage.predictor;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Which share of a layer's neurons each predictor of a store names, false alarms included, at the target that the store's
 * frequencies are of; measured on traced positions that it was not fitted to. A small JSON object such as {@code
 * {"low-rank-64": [0.14, 0.08]}}. Immutable.
 */
public final class NamedShares {
  private final Map<String, float[]> byName;

  /** @param byName share by layer for each predictor's name */
  public NamedShares(Map<String, float[]> byName) {
    this.byName = new TreeMap<>(byName);
  }

  /** Shares by layer of the predictor that the store keeps under a name, if they are known. */
  public Optional<float[]> of(String name) {
    return Optional.ofNullable(byName.get(name)).map(float[]::clone);
  }

  public byte[] encode() {
    return JsonMapper.shared().writeValueAsBytes(byName);
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws IllegalArgumentException if the bytes are not that for so many layers
   */
  public static NamedShares decode(byte[] json, int layers) {
    JsonNode root;
    try {
      root = JsonMapper.shared().readTree(json);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("named shares are not JSON", e);
    }
    if (!root.isObject()) {
      throw new IllegalArgumentException("named shares are no JSON object");
    }
    Map<String, float[]> byName = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      JsonNode shares = entry.getValue();
      if (!shares.isArray() || shares.size() != layers) {
        throw new IllegalArgumentException("named shares of " + entry.getKey() + " do not fit");
      }
      float[] byLayer = new float[layers];
      for (int layer = 0; layer < layers; layer++) {
        byLayer[layer] = (float) shares.get(layer).asDouble(Double.NaN);
        if (!(byLayer[layer] >= 0 && byLayer[layer] <= 1)) {
          throw new IllegalArgumentException(
              "named share of " + entry.getKey() + " in layer " + layer + " is no share");
        }
      }
      byName.put(entry.getKey(), byLayer);
    }
    return new NamedShares(byName);
  }
}
