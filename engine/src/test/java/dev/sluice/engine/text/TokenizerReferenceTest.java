package dev.sluice.engine.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * Ids equal those of the reference implementation, for the twins and for eleven ways a tokenizer
 * can be set up.
 */
class TokenizerReferenceTest {

  @ParameterizedTest
  @ValueSource(strings = {"relu2", "swiglu", "relu", "reglu"})
  void twinsEncodeAsExpected(String twin) throws IOException {
    Path folder = TokenizerFixture.MODELS.resolve(twin);
    Path file = folder.resolve("tokenizer.json");
    Tokenizer tokenizer = Tokenizer.parse(Files.readAllBytes(file), file.toString());
    JsonNode expected = TokenizerFixture.json(folder.resolve("expected.json")).get("tokenizer");
    String text = expected.get("text").stringValue();
    int[] ids = TokenizerFixture.ids(expected.get("ids"));

    assertArrayEquals(
        ids, tokenizer.encode(text, SpecialTokens.PARSE)); // it ends in a special token
    assertEquals(text, tokenizer.decode(ids));
    assertEquals(4096, tokenizer.vocabularySize());
  }

  /**
   * The resource was made once by the version of Hugging Face's library that it names, from seeded
   * random texts.
   */
  @Test
  void frozenIdsOfTheReferenceImplementation() throws IOException {
    JsonNode frozen;
    try (InputStream in = getClass().getResourceAsStream("/text/reference-ids.json")) {
      frozen = TokenizerFixture.MAPPER.readTree(in);
    }
    Map<String, Tokenizer> variants = new HashMap<>();
    frozen
        .get("variants")
        .properties()
        .forEach(v -> variants.put(v.getKey(), TokenizerFixture.variant(v.getValue())));
    int cases = 0;
    for (JsonNode one : frozen.get("cases")) {
      String variant = one.get("variant").stringValue();
      String text = one.get("text").stringValue();
      SpecialTokens special = SpecialTokens.valueOf(one.get("special").stringValue());
      int[] ids = variants.get(variant).encode(text, special);
      assertArrayEquals(
          TokenizerFixture.ids(one.get("ids")), ids, variant + " " + special + ": " + text);
      cases++;
    }
    assertTrue(
        cases > 100 && variants.size() == 11, cases + " cases, " + variants.size() + " variants");
  }
}
