package dev.sluice.storage.threshold;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The CETT-PPL-1 % target of each rule, as a small JSON object such as {@code {"output": 0.08125}}. Immutable. */
public final class OnePercentTargets {
  private final Map<ActiveRule, Double> targets;

  public OnePercentTargets(Map<ActiveRule, Double> targets) {
    this.targets = targets.isEmpty() ? Map.of() : new EnumMap<>(targets);
  }

  /** The target of a rule, if it was searched. */
  public OptionalDouble of(ActiveRule rule) {
    Double target = targets.get(rule);
    return target == null ? OptionalDouble.empty() : OptionalDouble.of(target);
  }

  public byte[] encode() {
    Map<String, Double> byKey = new LinkedHashMap<>();
    targets.forEach((rule, target) -> byKey.put(rule.key(), target));
    return JsonMapper.shared().writeValueAsBytes(byKey);
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static OnePercentTargets decode(byte[] json) {
    Map<ActiveRule, Double> targets = new EnumMap<>(ActiveRule.class);
    JsonNode root;
    try {
      root = JsonMapper.shared().readTree(json);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("CETT targets are not JSON", e);
    }
    if (!root.isObject()) {
      throw new IllegalArgumentException("CETT targets are no JSON object");
    }
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      double target = entry.getValue().asDouble(Double.NaN);
      if (!(target >= 0)) {
        throw new IllegalArgumentException("CETT target of " + entry.getKey() + " is no number");
      }
      targets.put(ActiveRule.ofKey(entry.getKey()), target);
    }
    return new OnePercentTargets(targets);
  }
}
