package dev.sluice.bench.peers;

import dev.sluice.storage.FaultException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What an engine says of its own run: {@code prompt_ms} from the prompt's first token to the choice of the next, {@code
 * token_ms} for each token evaluated after it. The rest is optional.
 *
 * @param promptWaitMillis the part of {@code promptMillis} that went by waiting for weights to be read; NaN if not said
 * @param modelName {@code general.name} of a GGUF, with what its metadata say about its making; empty if not said
 * @param chosenIds the most likely next token at each place; empty if not said
 * @param timeline of one token, as printed; missing if not said
 * @param nats negative log likelihood of each given token after the first; empty if not asked for
 */
record Transcript(
    String engine, String modelName, double promptMillis, double promptWaitMillis,
    List<Double> tokenMillis,
    List<Integer> chosenIds, List<Double> nats, JsonNode timeline) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  /**
   * @param who the rival, for the message
   * @throws FaultException if a figure is missing
   */
  static Transcript parse(String who, String json) {
    JsonNode root;
    try {
      root = MAPPER.readTree(json);
    } catch (JacksonException e) {
      throw new FaultException(who, "printed no JSON", "run it by hand to see what it prints", e);
    }
    JsonNode prompt = root.path("prompt_ms");
    List<Double> tokens = doubles(root.path("token_ms"));
    if (!prompt.isNumber() || tokens.isEmpty()) {
      throw new FaultException(who, "its JSON has no prompt_ms or no token_ms",
          "use a version that prints them");
    }
    List<Integer> chosen = new ArrayList<>();
    root.path("argmax_ids").forEach(id -> chosen.add(id.asInt()));
    return new Transcript(
        root.path("engine").asString(""), name(root.path("general")), prompt.doubleValue(),
        root.path("prompt_wait_ms").asDouble(Double.NaN), tokens,
        List.copyOf(chosen), doubles(root.path("nats")), root.path("timeline"));
  }

  private static List<Double> doubles(JsonNode list) {
    List<Double> values = new ArrayList<>();
    for (JsonNode value : list) {
      if (!value.isNumber()) {
        return List.of();
      }
      values.add(value.doubleValue());
    }
    return List.copyOf(values);
  }

  static String name(JsonNode general) {
    String name = general.path("name").asString("");
    String description = general.path("description").asString("");
    return description.isEmpty() ? name : name + " (" + description + ")";
  }
}
