package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * Typed and bounded access to one object of config.json. A key that is {@code null} counts as
 * absent, as in the library that writes these files. Every refusal names the file and the key.
 */
final class ConfigReader {
  private final Path file;
  private final String prefix;
  private final JsonNode object;

  private ConfigReader(Path file, String prefix, JsonNode object) {
    this.file = file;
    this.prefix = prefix;
    this.object = object;
  }

  static ConfigReader of(Path file, byte[] json) {
    return new ConfigReader(file, "", StrictJson.object(file, json));
  }

  boolean has(String key) {
    JsonNode node = object.get(key);
    return node != null && !node.isNull();
  }

  /** The object under {@code key}, if there is one. */
  Optional<ConfigReader> object(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    if (!object.get(key).isObject()) {
      throw bad(key, "it is not an object");
    }
    return Optional.of(new ConfigReader(file, prefix + key + ".", object.get(key)));
  }

  /** An integer that must be there, from {@code min} to {@code max} inclusive. */
  int integer(String key, int min, int max) {
    return integer(key, require(key), min, max);
  }

  /** An integer from {@code min} to {@code max} inclusive, or {@code unsaid} if it is absent. */
  int integerOr(String key, int min, int max, int unsaid) {
    return has(key) ? integer(key, min, max) : unsaid;
  }

  /** One integer or a list of them, each from {@code min} to {@code max}; empty if absent. */
  List<Integer> integers(String key, int min, int max) {
    List<Integer> values = new ArrayList<>();
    if (has(key)) {
      JsonNode node = object.get(key);
      if (node.isArray()) {
        node.forEach(element -> values.add(integer(key, element, min, max)));
      } else {
        values.add(integer(key, node, min, max));
      }
    }
    return values;
  }

  /** A finite number greater than 0 that must be there. */
  double positive(String key) {
    JsonNode node = require(key);
    double value = node.isNumber() ? node.asDouble(Double.NaN) : Double.NaN;
    if (!Double.isFinite(value) || value <= 0) {
      throw bad(key, "it is not a finite number above 0 but " + Shown.of(node.toString()));
    }
    return value;
  }

  /** A true or false, if it is there. */
  Optional<Boolean> flag(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    if (!object.get(key).isBoolean()) {
      throw bad(key, "it is neither true nor false");
    }
    return Optional.of(object.get(key).booleanValue());
  }

  /** A string that must be there. */
  String string(String key) {
    JsonNode node = require(key);
    if (!node.isString()) {
      throw bad(key, "it is not a string");
    }
    return node.stringValue();
  }

  /** A list of strings that must be there. */
  List<String> strings(String key) {
    JsonNode node = require(key);
    List<String> values = new ArrayList<>();
    node.forEach(
        element -> values.add(element.isString() ? element.stringValue() : element.toString()));
    if (!node.isArray() || values.isEmpty()) {
      throw bad(key, "it is not a list with an entry");
    }
    return values;
  }

  /** A refusal that names the file and {@code key}. */
  BadInputException bad(String key, String cause) {
    return bad(key, cause, "use the config.json that came with the weights");
  }

  BadInputException bad(String key, String cause, String action) {
    return new BadInputException(file + ", key " + prefix + key, cause, action);
  }

  private JsonNode require(String key) {
    if (!has(key)) {
      throw bad(key, "it is missing");
    }
    return object.get(key);
  }

  private int integer(String key, JsonNode node, int min, int max) {
    boolean fits = node.isIntegralNumber() && node.canConvertToInt();
    if (!fits || node.intValue() < min || node.intValue() > max) {
      throw bad(
          key,
          "it is not an integer from " + min + " to " + max + " but " + Shown.of(node.toString()));
    }
    return node.intValue();
  }
}
