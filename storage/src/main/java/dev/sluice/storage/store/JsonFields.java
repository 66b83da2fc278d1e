package dev.sluice.storage.store;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * One JSON object read with suspicion: every getter checks presence, type and range, and its error names the file.
 *
 * @param where file and key, for messages
 */
record JsonFields(Object where, JsonNode node) {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  static JsonFields parse(Object where, byte[] json) {
    try {
      return object(where, MAPPER.readTree(json), "the JSON");
    } catch (JacksonException e) {
      throw StoreFormat.damaged(where, "not valid JSON (" + e.getOriginalMessage() + ")");
    }
  }

  static ObjectNode newObject() {
    return MAPPER.createObjectNode();
  }

  static byte[] write(ObjectNode object) {
    return MAPPER.writeValueAsBytes(object);
  }

  int intIn(String name, int min, int max) {
    return (int) longIn(name, min, max);
  }

  long longIn(String name, long min, long max) {
    return checkedLong(name, node.path(name), min, max);
  }

  double finite(String name) {
    JsonNode value = node.path(name);
    if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
      throw StoreFormat.damaged(where, "'" + name + "' is not a finite number");
    }
    return value.doubleValue();
  }

  String string(String name, int maxLength) {
    return checkedString(name, node.path(name), maxLength);
  }

  JsonFields fields(String name) {
    return object(where, node.path(name), "'" + name + "'");
  }

  /** Whether this object has a member of this name. */
  boolean has(String name) {
    return node.has(name);
  }

  /** The object under a name that older versions did not write. */
  Optional<JsonFields> optionalFields(String name) {
    return has(name) ? Optional.of(fields(name)) : Optional.empty();
  }

  List<JsonFields> objects(String name, int maxSize) {
    List<JsonFields> result = new ArrayList<>();
    for (JsonNode element : array(name, maxSize)) {
      result.add(object(where, element, "an element of '" + name + "'"));
    }
    return result;
  }

  List<Integer> ints(String name, int maxSize, int min, int max) {
    List<Integer> result = new ArrayList<>();
    for (JsonNode element : array(name, maxSize)) {
      result.add((int) checkedLong(name, element, min, max));
    }
    return result;
  }

  /** All members of this object, which must be strings. */
  Map<String, String> strings(int maxLength) {
    Map<String, String> result = new TreeMap<>();
    for (Map.Entry<String, JsonNode> member : node.properties()) {
      result.put(member.getKey(), checkedString(member.getKey(), member.getValue(), maxLength));
    }
    return result;
  }

  private JsonNode array(String name, int maxSize) {
    JsonNode value = node.path(name);
    if (!value.isArray() || value.size() > maxSize) {
      throw StoreFormat.damaged(where, "'" + name + "' is not a list of at most " + maxSize);
    }
    return value;
  }

  private long checkedLong(String name, JsonNode value, long min, long max) {
    boolean whole = value.isIntegralNumber() && (value.isInt() || value.isLong());
    if (!whole || value.longValue() < min || value.longValue() > max) {
      throw StoreFormat.damaged(
          where, "'" + name + "' is not a whole number from " + min + " to " + max);
    }
    return value.longValue();
  }

  private String checkedString(String name, JsonNode value, int maxLength) {
    if (!value.isString() || value.stringValue().length() > maxLength) {
      throw StoreFormat.damaged(
          where, "'" + name + "' is not a string of at most " + maxLength + " characters");
    }
    return value.stringValue();
  }

  private static JsonFields object(Object where, JsonNode node, String what) {
    if (!node.isObject()) {
      throw StoreFormat.damaged(where, what + " is not an object");
    }
    return new JsonFields(where, node);
  }
}
