package dev.sluice.engine.text;

import dev.sluice.engine.text.AddedTokens.Added;
import dev.sluice.engine.text.AddedTokens.Stage;
import dev.sluice.engine.text.Tokenizer.Normalisation;
import dev.sluice.engine.text.Tokenizer.Spaces;
import dev.sluice.engine.text.TokenizerFormat.Spelling;
import dev.sluice.storage.BadInputException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Reads a {@code tokenizer.json} in two passes over its bytes, because merges refer to the
 * vocabulary and either may come first: everything but the merges, then the merges. The two large
 * parts are streamed, not kept as trees. Nothing in the file is trusted. Used once, by one thread.
 */
final class TokenizerReader {
  /** Largest file that is read; the largest published vocabularies take about a quarter of it. */
  static final int LIMIT_BYTES = 128 << 20;

  private static final int MAX_ID = (1 << 22) - 1;

  /** How byte fallback spells a byte. */
  private static final Pattern FALLBACK = Pattern.compile("<0x[0-9A-F]{2}>");

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
          JsonFactory.builder()
              .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
              .disable(
                  TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES) // 128k of them are seen once each
              .build())
          .build();

  private final byte[] json;
  private final String source;
  private final TokenizerFormat format;
  private final Map<String, Integer> ids = new HashMap<>();
  private final ObjectNode outline =
      MAPPER.createObjectNode(); // the file without vocabulary and merges
  private ObjectNode model;

  TokenizerReader(byte[] json, String source) {
    this.json = json;
    this.source = source;
    this.format = new TokenizerFormat(source);
  }

  Tokenizer read() {
    if (json.length > LIMIT_BYTES) {
      throw format.broken("is larger than the limit for tokenizers of " + LIMIT_BYTES + " bytes");
    }
    int malformed = Utf8.firstMalformed(json);
    if (malformed >= 0) {
      throw format.broken("not UTF-8 at byte offset " + malformed);
    }
    try {
      return readParts();
    } catch (JacksonException e) {
      TokenStreamLocation at = e.getLocation();
      String where =
          at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
      String cause =
          "not readable as JSON" + where + ", " + TokenizerFormat.quote(e.getOriginalMessage());
      throw new BadInputException(
          source, cause, "restore the tokenizer.json that came with the checkpoint", e);
    }
  }

  private Tokenizer readParts() {
    readOutline();
    if (model == null) {
      throw format.broken("has no model");
    }
    format.checkModel(model);
    Spelling spelling = format.spelling(model);
    format.checkDecoder(outline.path("decoder"), spelling);
    Normalisation normalisation = format.normalisation(outline.path("normalizer"), spelling);
    Spaces spaces = format.spaces(outline.path("normalizer"), spelling);
    PreTokenizer preTokenizer = format.preTokenizer(outline.path("pre_tokenizer"), spelling);
    if (ids.isEmpty()) {
      throw format.broken("has no vocabulary");
    }
    List<Added> added = normalised(format.added(outline.path("added_tokens")), normalisation);
    Map<String, Integer> mergeable = Map.copyOf(ids);
    byte[][] bytes = tokenBytes(added, spelling);
    Alphabet alphabet =
        switch (spelling) {
          case BYTES -> new Alphabet.Bytes(idOfByte(mergeable));
          case CHARACTERS ->
              new Alphabet.Characters(idOfCharacter(mergeable), idOfFallback(mergeable));
        };
    List<Integer> beginning = format.beginning(outline.path("post_processor"));
    for (int id : beginning) {
      if (id < 0 || id >= bytes.length || bytes[id].length == 0) {
        throw format.broken(
            "the post-processor puts token " + id + " before the text, which does not exist");
      }
    }
    return new Tokenizer(
        new Tokenizer.Parts(
            Map.copyOf(ids),
            format.ignoresMerges(model) ? mergeable : Map.of(),
            bytes,
            added,
            normalisation,
            spaces,
            new AddedTokens(added, Stage.RAW),
            new AddedTokens(added, Stage.NORMALISED),
            preTokenizer,
            alphabet,
            readMerges(mergeable),
            beginning));
  }

  private void readOutline() {
    try (JsonParser parser = MAPPER.createParser(json)) {
      expect(parser, JsonToken.START_OBJECT, "the file is not an object");
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "model" -> model = readModel(parser);
          case "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder" ->
              outline.set(name, parser.<JsonNode>readValueAsTree());
          default -> parser.skipChildren(); // version, truncation and padding say nothing about ids
        }
      }
      if (parser.nextToken() != null) {
        throw format.broken("something follows the end of its object");
      }
    }
  }

  private ObjectNode readModel(JsonParser parser) {
    ObjectNode small = MAPPER.createObjectNode();
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw format.broken("its model is not an object");
    }
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      switch (name) {
        case "vocab" -> readVocabulary(parser);
        case "merges" -> parser.skipChildren();
        default -> small.set(name, parser.<JsonNode>readValueAsTree());
      }
    }
    return small;
  }

  private void readVocabulary(JsonParser parser) {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      throw format.broken("its vocabulary is not an object; only byte-level BPE is supported");
    }
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String token = parser.currentName();
      parser.nextToken();
      if (!parser.isExpectedNumberIntToken()) {
        throw format.broken(
            "token " + TokenizerFormat.quote(token) + " has an id that is not a whole number");
      }
      ids.put(token, parser.getIntValue());
    }
  }

  /** Applies the tokenizer's normalisation to what is looked for in normalised text. */
  private List<Added> normalised(List<Added> added, Normalisation normalisation) {
    if (normalisation == Normalisation.NONE) {
      return added;
    }
    List<Added> all = new ArrayList<>();
    for (Added token : added) {
      String content =
          token.stage() == Stage.RAW
              ? token.content()
              : Normalizer.normalize(token.content(), Normalizer.Form.NFC);
      all.add(
          new Added(
              token.id(), content, token.kind(), token.stage(), token.place(), token.spaces()));
    }
    return all;
  }

  /**
   * Adds the added tokens to {@link #ids}; returns each id's bytes, empty where an id has no token.
   */
  private byte[][] tokenBytes(List<Added> added, Spelling spelling) {
    for (Added token : added) {
      Integer known = ids.putIfAbsent(token.content(), token.id());
      if (known != null && known != token.id()) {
        throw format.broken(
            "added token " + TokenizerFormat.quote(token.content()) + " has two ids");
      }
    }
    int largest = 0;
    for (Map.Entry<String, Integer> entry : ids.entrySet()) {
      int id = entry.getValue();
      if (id < 0 || id > MAX_ID || id > 2L * ids.size()) {
        throw format.broken(
            "token " + TokenizerFormat.quote(entry.getKey()) + " has id " + id + ", out of range");
      }
      largest = Math.max(largest, id);
    }
    byte[][] bytes = new byte[largest + 1][];
    for (Map.Entry<String, Integer> entry : ids.entrySet()) {
      String token = entry.getKey();
      if (token.isEmpty() || Utf8.firstLoneSurrogate(token) >= 0) {
        throw format.broken("token " + entry.getValue() + " is empty or not valid Unicode");
      }
      if (bytes[entry.getValue()] != null) {
        throw format.broken("two tokens share id " + entry.getValue());
      }
      bytes[entry.getValue()] = spelled(token, spelling);
    }
    for (Added token : added) {
      bytes[token.id()] =
          token.content().getBytes(StandardCharsets.UTF_8); // these are not in the byte alphabet
    }
    for (int id = 0; id < bytes.length; id++) {
      bytes[id] = bytes[id] == null ? new byte[0] : bytes[id];
    }
    return bytes;
  }

  private static byte[] spelled(String token, Spelling spelling) {
    byte[] utf8 = token.getBytes(StandardCharsets.UTF_8);
    return switch (spelling) {
      case BYTES -> {
        byte[] bytes = ByteAlphabet.bytesOrNull(token);
        yield bytes != null ? bytes : utf8;
      }
      case CHARACTERS -> {
        if (FALLBACK.matcher(token).matches()) {
          yield new byte[] {(byte) Integer.parseInt(token, 3, 5, 16)};
        }
        yield token.replace(Tokenizer.SPACE_MARK, ' ').getBytes(StandardCharsets.UTF_8);
      }
    };
  }

  private static Map<Integer, Integer> idOfCharacter(Map<String, Integer> mergeable) {
    Map<Integer, Integer> ids = new HashMap<>();
    mergeable.forEach(
        (token, id) -> {
          if (token.codePointCount(0, token.length()) == 1) {
            ids.put(token.codePointAt(0), id);
          }
        });
    return ids;
  }

  private int[] idOfFallback(Map<String, Integer> mergeable) {
    int[] idOfByte = new int[256];
    for (int b = 0; b < 256; b++) {
      Integer id = mergeable.get("<0x%02X>".formatted(b));
      if (id == null) {
        throw format.broken("its vocabulary has no token <0x%02X> for byte fallback".formatted(b));
      }
      idOfByte[b] = id;
    }
    return idOfByte;
  }

  private int[] idOfByte(Map<String, Integer> mergeable) {
    int[] idOfByte = new int[256];
    for (int b = 0; b < 256; b++) {
      Integer id = mergeable.get(String.valueOf(ByteAlphabet.character(b)));
      // Vocabularies may lack bytes that no text has, but not those of plain ASCII.
      if (id == null && (b == '\n' || b >= ' ' && b <= '~')) {
        throw format.broken(
            "its vocabulary has no token for byte 0x%02X, so it is not byte-level".formatted(b));
      }
      idOfByte[b] = id == null ? Alphabet.NONE : id;
    }
    return idOfByte;
  }

  private MergeTable readMerges(Map<String, Integer> mergeable) {
    MergeTable merges = null;
    try (JsonParser parser = MAPPER.createParser(json)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        boolean isModel = parser.currentName().equals("model");
        parser.nextToken();
        while (isModel && parser.nextToken() == JsonToken.PROPERTY_NAME) {
          boolean isMerges = parser.currentName().equals("merges");
          parser.nextToken();
          if (isMerges) {
            merges = readMergeArray(parser, mergeable);
          } else {
            parser.skipChildren();
          }
        }
        if (!isModel) {
          parser.skipChildren();
        }
      }
    }
    if (merges == null) {
      throw format.broken("has no merges");
    }
    return merges;
  }

  private MergeTable readMergeArray(JsonParser parser, Map<String, Integer> mergeable) {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw format.broken("its merges are not an array");
    }
    MergeTable merges = new MergeTable();
    for (int rank = 0; parser.nextToken() != JsonToken.END_ARRAY; rank++) {
      String left;
      String right;
      if (parser.currentToken() == JsonToken.START_ARRAY) {
        left = mergePart(parser, rank);
        right = mergePart(parser, rank);
        expect(parser, JsonToken.END_ARRAY, "merge " + rank + " is not a pair of strings");
      } else {
        String pair = parser.currentToken() == JsonToken.VALUE_STRING ? parser.getString() : "";
        int space = pair.indexOf(' ');
        if (space < 0 || pair.indexOf(' ', space + 1) >= 0) {
          throw format.broken("merge " + rank + " is not a pair of strings");
        }
        left = pair.substring(0, space);
        right = pair.substring(space + 1);
      }
      Integer leftId = mergeable.get(left);
      Integer rightId = mergeable.get(right);
      Integer product = mergeable.get(left + right);
      if (leftId == null || rightId == null || product == null) {
        String parts = TokenizerFormat.quote(left) + " and " + TokenizerFormat.quote(right);
        throw format.broken(
            "merge " + rank + " of " + parts + " names a token that the vocabulary lacks");
      }
      merges.add(leftId, rightId, product);
    }
    return merges;
  }

  private String mergePart(JsonParser parser, int rank) {
    expect(parser, JsonToken.VALUE_STRING, "merge " + rank + " is not a pair of strings");
    return parser.getString();
  }

  private void expect(JsonParser parser, JsonToken token, String otherwise) {
    if (parser.nextToken() != token) {
      throw format.broken(otherwise);
    }
  }
}
