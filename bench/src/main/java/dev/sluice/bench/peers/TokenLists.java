package dev.sluice.bench.peers;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The tokens that every rival evaluates: a prompt at once, then a continuation one by one, whatever a model would have chosen.
 */
public record TokenLists(List<Integer> promptIds, List<Integer> continuationIds) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final long LARGEST_FILE_BYTES = 64L << 20;

  public TokenLists {
    promptIds = List.copyOf(promptIds);
    continuationIds = List.copyOf(continuationIds);
  }

  /**
   * Reads {@code {"prompt_ids": […], "continuation_ids": […]}}, or the first entry of {@code {"lists": [{…}, …]}} as
   * {@code sluice synth} writes them.
   *
   * @throws BadInputException if the file is not of that form or a list is empty
   */
  public static TokenLists read(Path file) {
    try {
      if (Files.size(file) > LARGEST_FILE_BYTES) {
        throw new BadInputException(file, "is too large for two lists of tokens",
            "name a JSON file with prompt_ids and continuation_ids");
      }
      JsonNode whole = MAPPER.readTree(Files.readString(file));
      JsonNode root = whole.path("lists").isArray() ? whole.path("lists").path(0) : whole;
      return new TokenLists(ids(root, "prompt_ids", file), ids(root, "continuation_ids", file));
    } catch (JacksonException e) {
      throw new BadInputException(file, "is no JSON",
          "write {\"prompt_ids\": [1, 2], \"continuation_ids\": [3, 4]}", e);
    } catch (IOException e) {
      throw new BadInputException(file, "cannot be read (" + FaultException.reason(e) + ")",
          "check the path", e);
    }
  }

  private static List<Integer> ids(JsonNode root, String key, Path file) {
    JsonNode list = root.path(key);
    if (!list.isArray() || list.isEmpty()) {
      throw new BadInputException(file, "has no list " + key, "give it at least one token id");
    }
    for (JsonNode id : list) {
      if (!id.canConvertToInt() || !id.isIntegralNumber() || id.intValue() < 0) {
        throw new BadInputException(file, key + " holds " + id + ", which is no token id",
            "use whole numbers from 0");
      }
    }
    return IntStream.range(0, list.size()).mapToObj(i -> list.get(i).intValue()).toList();
  }

  /** The beginnings of both lists. */
  public TokenLists first(int promptTokens, int continuationTokens) {
    return new TokenLists(first(promptIds, promptTokens, "prompt"),
        first(continuationIds, continuationTokens, "continuation"));
  }

  private static List<Integer> first(List<Integer> ids, int tokens, String name) {
    if (tokens < 1 || tokens > ids.size()) {
      throw new BadInputException("--tokens",
          "there are " + ids.size() + " tokens of " + name + ", not " + tokens,
          "ask for 1 to " + ids.size());
    }
    return ids.subList(0, tokens);
  }
}
