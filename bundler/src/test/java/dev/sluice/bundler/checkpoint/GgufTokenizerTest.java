package dev.sluice.bundler.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bundler.checkpoint.gguf.GgufBytes;
import dev.sluice.bundler.checkpoint.gguf.GgufFile;
import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class GgufTokenizerTest {
  private static final Path TWIN =
      Path.of(System.getProperty("sluice.root")).resolve("models/relu2/tokenizer.json");

  @TempDir
  Path folder;

  private GgufFile open(GgufBytes gguf) throws IOException {
    return GgufFile.open(Files.write(folder.resolve("t.gguf"), gguf.bytes()));
  }

  private JsonNode json(GgufBytes gguf, int vocabulary) throws IOException {
    try (GgufFile file = open(gguf)) {
      return JsonMapper.shared()
          .readTree(GgufTokenizer.json(file.metadata(), vocabulary).orElseThrow());
    }
  }

  /** The twins' tokenizer as a converter would put it into metadata. */
  private static GgufBytes twin(JsonNode source) {
    JsonNode vocabulary = source.get("model").get("vocab");
    int size = 0;
    for (var token : vocabulary.properties()) {
      size = Math.max(size, token.getValue().intValue() + 1);
    }
    for (JsonNode token : source.get("added_tokens")) {
      size = Math.max(size, token.get("id").intValue() + 1);
    }
    String[] tokens = new String[size];
    int[] types = new int[size];
    Arrays.fill(types, 5);
    Arrays.setAll(tokens, id -> "[PAD" + id + "]");
    for (var token : vocabulary.properties()) {
      tokens[token.getValue().intValue()] = token.getKey();
      types[token.getValue().intValue()] = 1;
    }
    for (JsonNode token : source.get("added_tokens")) {
      tokens[token.get("id").intValue()] = token.get("content").stringValue();
      types[token.get("id").intValue()] = 3;
    }
    List<String> merges = new ArrayList<>();
    for (JsonNode pair : source.get("model").get("merges")) {
      merges.add(pair.get(0).stringValue() + " " + pair.get(1).stringValue());
    }
    return new GgufBytes()
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "gpt-2")
        .strings("tokenizer.ggml.tokens", List.of(tokens))
        .int32s("tokenizer.ggml.token_type", types)
        .strings("tokenizer.ggml.merges", merges);
  }

  @Test
  void aTokenizerComesBackFromTheMetadataMadeOfIt() throws IOException {
    JsonNode source = JsonMapper.shared().readTree(Files.readAllBytes(TWIN));
    JsonNode back = json(twin(source), 1 << 16);
    assertEquals(source.get("model").get("merges"), back.get("model").get("merges"));
    assertEquals(source.get("added_tokens").size(), back.get("added_tokens").size());
    for (JsonNode token : source.get("added_tokens")) {
      JsonNode same =
          back.get("added_tokens").valueStream()
              .filter(t -> t.get("id").equals(token.get("id"))).findFirst().orElseThrow();
      assertEquals(token.get("content"), same.get("content"));
      assertEquals(token.get("special"), same.get("special"));
    }
    int mergeable = 0;
    for (var token : source.get("model").get("vocab").properties()) {
      JsonNode id = back.get("model").get("vocab").get(token.getKey());
      mergeable += id != null && id.equals(token.getValue()) ? 1 : 0;
    }
    assertEquals(back.get("model").get("vocab").size(), mergeable);
    assertTrue(back.get("post_processor").isNull());
    TokenizerFile.check(
        folder, JsonMapper.shared().writeValueAsBytes(back), 1 << 16);
  }

  private static GgufBytes sentencePiece() {
    return new GgufBytes()
        .text("tokenizer.ggml.model", "llama")
        .strings(
            "tokenizer.ggml.tokens",
            List.of("<unk>", "<s>", "</s>", "<0x0A>", "a", "b", "ab", "aba", "\u2581a", "\u2581",
                "ba"))
        .int32s("tokenizer.ggml.token_type", 2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1)
        .floats("tokenizer.ggml.scores", 0, 0, 0, 0, -9, -9, -2, -3, -1, -9, -4)
        .uint32("tokenizer.ggml.bos_token_id", 1)
        .uint32("tokenizer.ggml.eos_token_id", 2);
  }

  @Test
  void mergesOfSentencePieceFollowFromItsScores() throws IOException {
    JsonNode json = json(sentencePiece(), 11);
    assertEquals(
        "[[\"\u2581\",\"a\"],[\"a\",\"b\"],[\"a\",\"ba\"],[\"ab\",\"a\"],[\"b\",\"a\"]]",
        json.get("model").get("merges").toString());
    assertEquals(true, json.get("model").get("byte_fallback").booleanValue());
    assertEquals(2, json.get("normalizer").get("normalizers").size());
    assertEquals(
        1,
        json.get("post_processor").get("special_tokens").get("<s>").get("ids").get(0).intValue());
    JsonNode plain =
        json(
            sentencePiece().flag("tokenizer.ggml.add_space_prefix", false)
                .flag("tokenizer.ggml.add_bos_token", false),
            11);
    assertEquals(1, plain.get("normalizer").get("normalizers").size());
    assertTrue(plain.get("post_processor").isNull());
  }

  @Test
  void idsThatEndATextAreThoseSaidAndThoseThatEndATurn() throws IOException {
    GgufBytes gguf =
        twin(JsonMapper.shared().readTree(Files.readAllBytes(TWIN)))
            .uint32("tokenizer.ggml.eot_token_id", 7);
    try (GgufFile file = open(sentencePiece())) {
      assertEquals(List.of(2), GgufTokenizer.endOfText(file.metadata(), 11));
    }
    try (GgufFile file = open(gguf)) {
      assertTrue(GgufTokenizer.endOfText(file.metadata(), 1 << 16).contains(7));
    }
  }

  @Test
  void whatIsNotKnownIsRefusedByKey() throws IOException {
    List<GgufBytes> wrong =
        List.of(
            sentencePiece().text("tokenizer.ggml.model", "bert"),
            sentencePiece().text("tokenizer.ggml.model", "gpt2")
                .text("tokenizer.ggml.pre", "no such"),
            sentencePiece().text("tokenizer.ggml.model", "gpt2"),
            sentencePiece().floats("tokenizer.ggml.scores", 1),
            sentencePiece().int32s("tokenizer.ggml.token_type", 1),
            sentencePiece().uint32("tokenizer.ggml.bos_token_id", 11));
    for (GgufBytes gguf : wrong) {
      try (GgufFile file = open(gguf)) {
        String message =
            assertThrows(
                BadInputException.class, () -> GgufTokenizer.json(file.metadata(), 11))
                .getMessage();
        assertTrue(message.contains("key tokenizer.ggml."), message);
      }
    }
    try (GgufFile file = open(new GgufBytes().text("a", "b"))) {
      assertEquals(Optional.empty(), GgufTokenizer.json(file.metadata(), 11));
    }
  }
}
