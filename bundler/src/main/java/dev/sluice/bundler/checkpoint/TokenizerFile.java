package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.InputFiles;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * Checks that a tokenizer.json can belong to a model: a BPE model whose ids are all below the
 * vocabulary size, each standing for one token. What the tokenizer does with text is not looked at.
 */
final class TokenizerFile {
  static final String NAME = "tokenizer.json";
  private static final int LIMIT_BYTES = 256 << 20;

  private final Path file;
  private final int vocabulary;
  private final Map<String, Integer> idOfToken = new HashMap<>();
  private final Map<Integer, String> tokenOfId = new HashMap<>();
  private Optional<String> modelType = Optional.empty();

  private TokenizerFile(Path file, int vocabulary) {
    this.file = file;
    this.vocabulary = vocabulary;
  }

  /**
   * The bytes of the folder's tokenizer.json, unchecked; empty if it has none.
   *
   * @throws BadInputException if it cannot be read or is longer than any tokenizer's
   */
  static Optional<byte[]> read(Path folder) {
    Path file = folder.resolve(NAME);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    return Optional.of(InputFiles.readSmall(file, LIMIT_BYTES));
  }

  /**
   * Checks the bytes of a tokenizer.json.
   *
   * @param file for messages
   * @param vocabulary rows of the embedding
   * @throws BadInputException if it is malformed or does not fit
   */
  static void check(Path file, byte[] bytes, int vocabulary) {
    new TokenizerFile(file, vocabulary).check(bytes);
  }

  private void check(byte[] bytes) {
    boolean modelSeen = false;
    try (JsonParser parser = StrictJson.parser(new ByteArrayInputStream(bytes))) {
      require(parser.nextToken() == JsonToken.START_OBJECT, "it is not a JSON object");
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = parser.currentName();
        JsonToken value = parser.nextToken();
        if (key.equals("model")) {
          require(value == JsonToken.START_OBJECT, "its key model is not an object");
          readModel(parser);
          modelSeen = true;
        } else if (key.equals("added_tokens") && value != JsonToken.VALUE_NULL) {
          require(value == JsonToken.START_ARRAY, "its key added_tokens is not a list");
          readAddedTokens(parser);
        } else {
          parser.skipChildren();
        }
      }
      require(parser.nextToken() == null, "something follows its JSON object");
    } catch (JacksonException e) {
      throw StrictJson.refusal(file, "the JSON", e);
    }
    require(modelSeen, "its key model is missing");
    require(
        modelType.isPresent() && modelType.get().equals("BPE"),
        "its model.type is "
            + modelType.map(Shown::of).orElse("missing")
            + ", and only BPE is supported");
    require(!idOfToken.isEmpty(), "its model.vocab is missing or empty");
  }

  private void readModel(JsonParser parser) {
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = parser.currentName();
      JsonToken value = parser.nextToken();
      if (key.equals("type")) {
        require(value == JsonToken.VALUE_STRING, "its model.type is not a string");
        modelType = Optional.of(parser.getString());
      } else if (key.equals("vocab")) {
        require(
            value == JsonToken.START_OBJECT,
            "its model.vocab does not map tokens to ids, as BPE's does");
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
          String token = parser.currentName();
          parser.nextToken();
          add(token, id(parser, token));
        }
      } else {
        parser.skipChildren();
      }
    }
  }

  private void readAddedTokens(JsonParser parser) {
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      require(
          parser.currentToken() == JsonToken.START_OBJECT,
          "an entry of added_tokens is not an object");
      String content = null;
      int id = -1;
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = parser.currentName();
        JsonToken value = parser.nextToken();
        if (key.equals("content") && value == JsonToken.VALUE_STRING) {
          content = parser.getString();
        } else if (key.equals("id")) {
          id = id(parser, "an added token");
        } else {
          parser.skipChildren();
        }
      }
      require(content != null && id >= 0, "an entry of added_tokens lacks its content or id");
      add(content, id);
    }
  }

  private int id(JsonParser parser, String token) {
    boolean fits =
        parser.currentToken() == JsonToken.VALUE_NUMBER_INT
            && parser.getNumberType() == JsonParser.NumberType.INT
            && parser.getIntValue() >= 0;
    require(fits, "the id of " + Shown.of(token) + " is not an integer of 0 or more");
    int id = parser.getIntValue();
    require(
        id < vocabulary,
        "it does not fit the model: "
            + Shown.of(token)
            + " has id "
            + id
            + ", but vocab_size is "
            + vocabulary);
    return id;
  }

  /** Added tokens usually stand in the vocabulary too: the same pair again is no conflict. */
  private void add(String token, int id) {
    Integer otherId = idOfToken.putIfAbsent(token, id);
    require(
        otherId == null || otherId == id,
        "token " + Shown.of(token) + " has two ids, " + otherId + " and " + id);
    String otherToken = tokenOfId.putIfAbsent(id, token);
    require(
        otherToken == null || otherToken.equals(token),
        "id "
            + id
            + " stands for both "
            + (otherToken == null ? "" : Shown.of(otherToken))
            + " and "
            + Shown.of(token));
  }

  private void require(boolean holds, String cause) {
    if (!holds) {
      throw new BadInputException(file, cause, "use the tokenizer.json that came with the weights");
    }
  }
}
