package dev.sluice.engine.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Tokenizers for tests: the twins' own, variants of it, and one small enough that damage hits its
 * structure.
 */
final class TokenizerFixture {
  static final JsonMapper MAPPER = JsonMapper.builder().build();
  static final Path MODELS = Path.of(System.getProperty("sluice.root")).resolve("models");

  private TokenizerFixture() {}

  static Tokenizer twin() {
    return parse(twinJson());
  }

  static ObjectNode twinJson() {
    return (ObjectNode) json(MODELS.resolve("relu2/tokenizer.json"));
  }

  /** The twins' tokenizer with parts replaced as {@code reference-ids.json} spells them. */
  static Tokenizer variant(JsonNode changes) {
    ObjectNode json = twinJson();
    ObjectNode model = (ObjectNode) json.get("model");
    for (var change : changes.properties()) {
      switch (change.getKey()) {
        case "ignore_merges" -> model.set("ignore_merges", change.getValue());
        case "merges_as_strings" -> {
          ArrayNode merges = MAPPER.createArrayNode();
          model
              .get("merges")
              .forEach(
                  pair -> merges.add(pair.get(0).stringValue() + " " + pair.get(1).stringValue()));
          model.set("merges", merges);
        }
        default -> json.set(change.getKey(), change.getValue());
      }
    }
    return parse(json);
  }

  /** A complete byte-level tokenizer of 256 bytes, 20 merges and one special token, about 4 KB. */
  static ObjectNode smallJson() {
    ObjectNode json = twinJson();
    ObjectNode model = (ObjectNode) json.get("model");
    ObjectNode vocabulary = MAPPER.createObjectNode();
    for (var token : model.get("vocab").properties()) {
      if (token.getValue().intValue() < 1 + 256 + 20) {
        vocabulary.set(token.getKey(), token.getValue());
      }
    }
    ArrayNode merges = MAPPER.createArrayNode();
    for (int i = 0; i < 20; i++) {
      merges.add(model.get("merges").get(i));
    }
    model.set("vocab", vocabulary);
    model.set("merges", merges);
    return json;
  }

  static Tokenizer parse(JsonNode json) {
    return Tokenizer.parse(MAPPER.writeValueAsBytes(json), "tokenizer.json");
  }

  static JsonNode json(Path file) {
    try {
      return MAPPER.readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int[] ids(JsonNode array) {
    return MAPPER.convertValue(array, int[].class);
  }

  /**
   * Valid Unicode from all planes, with what is known to be hard: joiners, marks, NUL, line ends,
   * plane edges.
   */
  static String randomText(Random random, int codePoints) {
    String[] hard = {
      "\0",
      "\r\n",
      "\n\n",
      "\u0301",
      "e\u0301",
      "\u00e9",
      "\u1100\u1161\u11a8",
      "\uD83D\uDC69\u200D\uD83D\uDE80",
      "\uD83D\uDC4D\uD83C\uDFFD",
      "\uDBFF\uDFFF",
      "\uD800\uDC00",
      "\uD7FF",
      "\uE000",
      "\uFEFF",
      "\uFFFD",
      "\uFFFF",
      "\u0085",
      "\u00a0",
      "\u2028",
      "\u212b",
      "'s",
      " ",
      "   ",
      "the",
      "123",
      "<|endoftext|>"
    };
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < codePoints; i++) {
      switch (random.nextInt(4)) {
        case 0 -> text.append(hard[random.nextInt(hard.length)]);
        case 1 -> text.append((char) random.nextInt(0x80));
        case 2 -> text.append((char) random.nextInt(0xd800));
        default -> text.appendCodePoint(0x10000 + random.nextInt(0x100000));
      }
    }
    return text.toString();
  }
}
