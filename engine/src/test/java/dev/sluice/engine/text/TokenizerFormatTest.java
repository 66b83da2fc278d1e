package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.sluice.storage.BadInputException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a tokenizer file may say, and that everything else is refused with one line that names the
 * fault.
 */
class TokenizerFormatTest {

  /** A JSON pointer, what to put there, and what the message must name. */
  static Stream<Arguments> refusedParts() {
    String byteLevel = ",{\"type\":\"ByteLevel\",\"use_regex\":false}]}";
    String split = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"behavior\":";
    return Stream.of(
        arguments("", "model", "null", "model"),
        arguments("", "model", "[]", "model"),
        arguments("/model", "type", "\"Unigram\"", "Unigram"),
        arguments("/model", "dropout", "0.1", "dropout"),
        arguments("/model", "continuing_subword_prefix", "\"##\"", "continuing_subword_prefix"),
        arguments("/model", "end_of_word_suffix", "\"</w>\"", "end_of_word_suffix"),
        arguments("/model", "vocab", "[[\"a\",0]]", "vocabulary"),
        arguments("/model", "vocab", "{}", "vocabulary"),
        arguments("/model", "vocab", "{\"a\":1}", "byte 0x0A"),
        arguments("/model", "ignore_merges", "3", "ignore_merges"),
        arguments("/model/vocab", "zz", "5", "share id 5"),
        arguments("/model/vocab", "zz", "-1", "out of range"),
        arguments("/model/vocab", "zz", "100000", "out of range"),
        arguments("/model/vocab", "zz", "4294967297", "range"),
        arguments("/model/vocab", "zz", "1.5", "whole number"),
        arguments("/model/vocab", "", "277", "empty"),
        arguments("/model", "merges", "{}", "merges"),
        arguments("/model", "merges", "[[\"a\"]]", "merge 0"),
        arguments("/model", "merges", "[[\"h\",\"e\"],[\"a\",\"b\",\"c\"]]", "merge 1"),
        arguments("/model", "merges", "[\"h e x\"]", "merge 0"),
        arguments("/model", "merges", "[[\"q\",\"q\"]]", "\"q\" and \"q\""),
        arguments("", "normalizer", "{\"type\":\"NFKC\"}", "NFKC"),
        arguments(
            "",
            "normalizer",
            "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}",
            "Lowercase"),
        arguments("", "pre_tokenizer", "null", "null"),
        arguments("", "pre_tokenizer", "{\"type\":\"Metaspace\"}", "Metaspace"),
        arguments("", "pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[]}", "0 steps"),
        arguments(
            "",
            "pre_tokenizer",
            split + "\"Isolated\",\"pattern\":{\"Regex\":\"(a+)+\"}}" + byteLevel,
            "(a+)+"),
        arguments(
            "",
            "pre_tokenizer",
            split + "\"Contiguous\",\"pattern\":{\"Regex\":\"a\"}}" + byteLevel,
            "Contiguous"),
        arguments("", "pre_tokenizer", split + "\"Isolated\",\"pattern\":{}}" + byteLevel, "Regex"),
        arguments("", "post_processor", "{\"type\":\"BertProcessing\"}", "BertProcessing"),
        arguments("", "decoder", "{\"type\":\"WordPiece\"}", "WordPiece"),
        arguments("", "added_tokens", "[{\"content\":\"x y\"}]", "x y"),
        arguments("", "added_tokens", "[{\"content\":\"he\",\"id\":300}]", "two ids"),
        arguments("", "added_tokens", "[{\"content\":\"\\ud800\",\"id\":300}]", "added token"),
        arguments("", "added_tokens", "[{\"content\":\"new\",\"id\":7}]", "share id 7"));
  }

  @ParameterizedTest
  @MethodSource("refusedParts")
  void refusesWhatItCannotHonour(String at, String key, String value, String named) {
    ObjectNode json = TokenizerFixture.smallJson();
    ((ObjectNode) json.at(at)).set(key, TokenizerFixture.MAPPER.readTree(value));
    assertRefused(TokenizerFixture.MAPPER.writeValueAsBytes(json), named);
  }

  static void assertRefused(byte[] json, String named) {
    String message =
        assertThrows(BadInputException.class, () -> Tokenizer.parse(json, "folder/tokenizer.json"))
            .getMessage();
    assertTrue(message.startsWith("folder/tokenizer.json: "), message);
    assertTrue(message.contains(named), message);
    assertFalse(message.contains("\n"), message);
  }

  @Test
  void refusesWhatIsNotOneJsonObject() {
    byte[] good = TokenizerFixture.MAPPER.writeValueAsBytes(TokenizerFixture.smallJson());
    assertRefused(new byte[0], "object");
    assertRefused("[]".getBytes(StandardCharsets.UTF_8), "object");
    assertRefused("{}".getBytes(StandardCharsets.UTF_8), "no model");
    assertRefused(Arrays.copyOf(good, good.length - 1), "JSON at line 1, column ");
    assertRefused(Arrays.copyOf(good, good.length + 1), "JSON"); // a NUL after the end
    byte[] latin1 = good.clone();
    latin1[100] = (byte) 0xe9;
    assertRefused(latin1, "byte offset 100");
    String twice = new String(good, StandardCharsets.UTF_8).replace("\"!\":", "\"\\\"\":");
    assertRefused(twice.getBytes(StandardCharsets.UTF_8), "Duplicate");
    assertRefused("[".repeat(100_000).getBytes(StandardCharsets.UTF_8), "object");
    assertRefused(("{\"decoder\":" + "[".repeat(100_000)).getBytes(StandardCharsets.UTF_8), "JSON");
  }

  @Test
  void vocabularyMayFollowMerges() {
    ObjectNode json = TokenizerFixture.smallJson();
    ObjectNode model = (ObjectNode) json.get("model");
    JsonNode vocabulary = model.remove("vocab");
    model.set("vocab", vocabulary);
    assertArrayEquals(
        TokenizerFixture.parse(TokenizerFixture.smallJson()).encode("the theory"),
        TokenizerFixture.parse(json).encode("the theory"));
  }

  @Test
  void idsMayHaveHolesAsManyAsTokens() {
    ObjectNode json = TokenizerFixture.smallJson();
    ((ArrayNode) json.get("added_tokens"))
        .addObject()
        .put("id", 500)
        .put("content", "a b")
        .put("special", true);
    Tokenizer tokenizer = TokenizerFixture.parse(json);
    assertEquals(501, tokenizer.vocabularySize());
    assertEquals(0, tokenizer.bytesOf(499).length);
    assertEquals("a b", tokenizer.decode(new int[] {500}));
  }

  @Test
  void piecesThatAreTokensNeedNoMergesWhenSaid() {
    ObjectNode json = TokenizerFixture.smallJson();
    ((ObjectNode) json.get("model").get("vocab")).put("qz", 277); // no merge makes it
    int[] merged = TokenizerFixture.parse(json).encode("qz qz");
    assertEquals(5, merged.length);
    ((ObjectNode) json.get("model")).put("ignore_merges", true);
    Tokenizer whole = TokenizerFixture.parse(json);
    assertArrayEquals(new int[] {277, merged[2], merged[3], merged[4]}, whole.encode("qz qz"));
  }

  @Test
  void addedTokensAreTextNotBytesInDisguise() {
    ObjectNode json = TokenizerFixture.smallJson();
    ((ArrayNode) json.get("added_tokens")).addObject().put("id", 277).put("content", "\u0120x");
    Tokenizer tokenizer = TokenizerFixture.parse(json);
    assertArrayEquals(new int[] {277}, tokenizer.encode("\u0120x"));
    assertEquals("\u0120x", tokenizer.decode(new int[] {277}));
  }

  @Test
  void templateNamesTheBeginning() {
    ObjectNode json = TokenizerFixture.smallJson();
    String bos =
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<|endoftext|>\",\"type_id\":0}},"
            + "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"special_tokens\":{\"<|endoftext|>\":{\"ids\":[%d]}}}";
    json.set("post_processor", TokenizerFixture.MAPPER.readTree(bos.formatted(0)));
    assertArrayEquals(new int[] {0}, TokenizerFixture.parse(json).beginning());
    assertEquals(0, TokenizerFixture.twin().beginning().length);
    json.set("post_processor", TokenizerFixture.MAPPER.readTree(bos.formatted(9999)));
    assertRefused(TokenizerFixture.MAPPER.writeValueAsBytes(json), "9999");
  }

  @Test
  void damagedFilesAreReadOrRefused() {
    byte[] good = TokenizerFixture.MAPPER.writeValueAsBytes(TokenizerFixture.smallJson());
    Random random = new Random(2024);
    int refused = 0;
    for (int i = 0; i < 2000; i++) {
      byte[] damaged = good.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        int at = random.nextInt(damaged.length);
        damaged[at] =
            (byte) (random.nextBoolean() ? random.nextInt(256) : good[random.nextInt(good.length)]);
      }
      if (random.nextInt(10) == 0) {
        damaged = Arrays.copyOf(damaged, random.nextInt(damaged.length));
      }
      try {
        Tokenizer.parse(damaged, "t")
            .encode("the 'theory' of\n\n 12 things<|endoftext|>", SpecialTokens.PARSE);
      } catch (BadInputException e) {
        assertFalse(e.getMessage().contains("\n"), e.getMessage());
        refused++;
      }
    }
    assertTrue(refused > 1000 && refused < 2000, refused + " refused");
  }
}
