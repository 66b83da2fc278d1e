package dev.sluice.storage.store;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What encoding weights anew cost, layer by layer: root mean squares of the errors over those of the weights, and of the FFN's
 * output. A small JSON object, such as {@code {"parts": "down=q4_0:32", "positions": 16, "down": [0.09, …], "output":
 * […]}}. Immutable.
 *
 * @param parts what was encoded and how, as `bundle --quant` takes it
 * @param positions traced inputs at which outputs were compared
 * @param gate one per layer, or empty if gate stayed as it was; so the next two
 * @param output one per layer, or empty if it was not measured
 * @param attention one per layer, over its four matrices, or empty if they stayed as they were
 * @param head one, or empty if it stayed as it was
 */
public record QuantisationErrors(
    String parts, int positions, List<Double> gate, List<Double> up, List<Double> down,
    List<Double> output, List<Double> attention, List<Double> head) {
  private static final List<String> LISTS =
      List.of("gate", "up", "down", "output", "attention", "head");

  public QuantisationErrors {
    gate = List.copyOf(gate);
    up = List.copyOf(up);
    down = List.copyOf(down);
    output = List.copyOf(output);
    attention = List.copyOf(attention);
    head = List.copyOf(head);
  }

  /** One of the lists by its name, see {@link #names}. */
  public List<Double> of(String name) {
    return switch (name) {
      case "gate" -> gate;
      case "up" -> up;
      case "down" -> down;
      case "output" -> output;
      case "attention" -> attention;
      case "head" -> head;
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** Names of the lists that are not empty. */
  public List<String> names() {
    return LISTS.stream().filter(name -> !of(name).isEmpty()).toList();
  }

  public byte[] encode() {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("parts", parts);
    json.put("positions", positions);
    for (String name : names()) {
      of(name).forEach(json.putArray(name)::add);
    }
    return JsonMapper.shared().writeValueAsBytes(json);
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws IllegalArgumentException if the bytes are not that
   */
  public static QuantisationErrors decode(byte[] json) {
    JsonNode root;
    try {
      root = JsonMapper.shared().readTree(json);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("errors of quantisation are not JSON", e);
    }
    List<List<Double>> lists = new ArrayList<>();
    for (String name : LISTS) {
      List<Double> values = new ArrayList<>();
      for (JsonNode value : root.path(name)) {
        double error = value.asDouble(Double.NaN);
        if (!(error >= 0)) {
          throw new IllegalArgumentException("an error of quantisation is no number");
        }
        values.add(error);
      }
      lists.add(values);
    }
    return new QuantisationErrors(
        root.path("parts").asString(""), root.path("positions").asInt(0), lists.get(0),
        lists.get(1), lists.get(2), lists.get(3), lists.get(4), lists.get(5));
  }
}
