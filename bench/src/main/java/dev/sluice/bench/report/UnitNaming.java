package dev.sluice.bench.report;

import java.util.Map;
import tools.jackson.databind.PropertyNamingStrategies;

/** Names of record components as JSON keys: snake case, units abbreviated the same way everywhere. */
final class UnitNaming extends PropertyNamingStrategies.SnakeCaseStrategy {
  private static final long serialVersionUID = 1;

  /** Components whose unit goes without saying in Java, where their record's Javadoc gives it. */
  private static final Map<String, String> UNITS =
      Map.of(
          "active_per_token", "active_neurons_per_token",
          "predicted_per_token", "predicted_neurons_per_token",
          "neurons", "neurons_per_layer",
          "hidden", "hidden_dimensions",
          "slots", "slot_bundles",
          "pinned", "pinned_bundles",
          "accuracy", "accuracy_share",
          "magnitude_recall", "magnitude_recall_share",
          "count_recall", "count_recall_share",
          "nats", "nats_per_token");

  @Override
  public String translate(String component) {
    String snake = super.translate(component);
    String key =
        snake
            .replace("megabytes_per_second", "mb_per_s")
            .replace("millis", "ms")
            .replace("nanos", "ns")
            .replace("dense_nats", "dense_nats_per_token");
    return UNITS.getOrDefault(key, key);
  }
}
