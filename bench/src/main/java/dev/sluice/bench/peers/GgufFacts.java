package dev.sluice.bench.peers;

import dev.sluice.storage.FaultException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a GGUF's metadata say.
 *
 * @param name {@code general.name}, with its description where there is one
 * @param weights how many there are
 * @param keyValueBytesPerPosition at 16 bits
 */
record GgufFacts(String name, long weights, long keyValueBytesPerPosition) {

  /** Reads what the driver prints of a file. */
  static GgufFacts parse(String who, String json) {
    try {
      JsonNode root = JsonMapper.builder().build().readTree(json);
      return new GgufFacts(Transcript.name(root.path("general")), root.path("weights").asLong(0),
          root.path("key_value_bytes_per_position").asLong(0));
    } catch (JacksonException e) {
      throw new FaultException(who, "printed no JSON about the file",
          "run it by hand to see what it prints", e);
    }
  }

  /** Names say it, as the makers of such files see to. */
  boolean isSynthetic() {
    return name.toLowerCase(java.util.Locale.ROOT).matches(".*(synth|random).*");
  }
}
