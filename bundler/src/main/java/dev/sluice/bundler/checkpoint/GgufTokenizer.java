package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.checkpoint.PreTokenizerSplits.Beginning;
import dev.sluice.bundler.checkpoint.PreTokenizerSplits.Merging;
import dev.sluice.bundler.checkpoint.gguf.GgufMetadata;
import dev.sluice.bundler.input.Shown;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes the tokenizer in a GGUF file's metadata as the tokenizer.json that it was made from, as far as it bears on ids:
 * vocabulary, merges, splits, added tokens, the beginning-of-text token. Two models are known: {@code gpt2} (byte-level
 * BPE, merges listed) and {@code llama} (SentencePiece's BPE, whose merges follow from the scores: of two neighbours the
 * pair whose union has the best score joins first). Stateless.
 */
final class GgufTokenizer {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final String MODEL = PREFIX + "model";
  private static final String TOKENS = PREFIX + "tokens";
  private static final String TYPES = PREFIX + "token_type";
  private static final String MERGES = PREFIX + "merges";
  private static final String MARK = "\u2581";

  /** Far more than any vocabulary's; keeps a hostile one from making merges without end. */
  private static final int MERGES_LIMIT = 1 << 23;

  private static final int PIECE_LIMIT_CHARS = 4096;

  /** llama_token_type in llama.h. */
  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int BYTE = 6;

  /** Control tokens that end a turn whatever a file's ids say. */
  private static final Set<String> ENDS =
      Set.of(
          "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
          "<|end_of_text|>", "<EOT>");

  /** A join of two neighbours, with the score of their union. */
  private record Join(String left, String right, float score, int id) {}

  private final GgufMetadata metadata;
  private final int vocabulary;
  private final List<String> tokens;
  private final long[] types;

  private GgufTokenizer(GgufMetadata metadata, int vocabulary) {
    this.metadata = metadata;
    this.vocabulary = vocabulary;
    this.tokens = metadata.strings(TOKENS, vocabulary);
    this.types = types(metadata, vocabulary);
    if (types.length != 0 && types.length != tokens.size()) {
      throw metadata.bad(
          TYPES, "it has " + types.length + " elements for " + tokens.size() + " tokens");
    }
  }

  /**
   * The tokenizer; empty if the file has none.
   *
   * @param vocabulary rows of the embedding
   * @throws dev.sluice.storage.BadInputException naming the key that is wrong or not supported
   */
  static Optional<byte[]> json(GgufMetadata metadata, int vocabulary) {
    Optional<String> model = metadata.text(MODEL);
    if (model.isEmpty() || model.get().equals("no_vocab") || model.get().equals("none")) {
      return Optional.empty();
    }
    GgufTokenizer tokenizer = new GgufTokenizer(metadata, vocabulary);
    return Optional.of(
        switch (model.get()) {
          case "gpt2" -> tokenizer.byteLevel();
          case "llama" -> tokenizer.sentencePiece();
          default ->
              throw metadata.bad(
                  MODEL,
                  Shown.of(model.get()) + " is not supported",
                  "use a model whose tokenizer is gpt2 or llama");
        });
  }

  /** Ids that end generation: those the metadata name, and control tokens that end a turn. */
  static List<Integer> endOfText(GgufMetadata metadata, int vocabulary) {
    Set<Integer> ids = new TreeSet<>();
    for (String kind : List.of("eos", "eot", "eom")) {
      String key = PREFIX + kind + "_token_id";
      if (metadata.has(key)) {
        ids.add(metadata.integer(key, 0, vocabulary - 1));
      }
    }
    if (metadata.has(MODEL) && metadata.has(TOKENS)) {
      long[] types = types(metadata, vocabulary);
      metadata
          .strings(TOKENS, vocabulary, id -> id < types.length && types[id] == CONTROL)
          .forEach(
              (id, token) -> {
                if (ENDS.contains(token)) {
                  ids.add(id);
                }
              });
    }
    return List.copyOf(ids);
  }

  /** Of each token; empty if the file names none. */
  private static long[] types(GgufMetadata metadata, int vocabulary) {
    return metadata.has(TYPES) ? metadata.wholes(TYPES, vocabulary) : new long[0];
  }

  private int type(int id) {
    return types.length == 0 ? NORMAL : (int) types[id];
  }

  private byte[] byteLevel() {
    String key = PREFIX + "pre";
    String name = metadata.text(key).orElse("default");
    PreTokenizerSplits splits =
        PreTokenizerSplits.ofName(name)
            .orElseThrow(
                () -> metadata.bad(
                    key,
                    Shown.of(name) + " is not supported",
                    "use a model with one of these: " + PreTokenizerSplits.supported()));
    List<String> merges = metadata.strings(MERGES, MERGES_LIMIT);
    return write(
        json -> {
          json.writeNullProperty("normalizer");
          json.writeObjectPropertyStart("pre_tokenizer");
          json.writeStringProperty("type", "Sequence");
          json.writeArrayPropertyStart("pretokenizers");
          for (String expression : splits.expressions()) {
            writeSplit(json, expression);
          }
          writeByteLevel(json);
          json.writeEndArray();
          json.writeEndObject();
          writeBeginning(json, splits.beginning() == Beginning.MARKED);
          json.writeName("decoder");
          writeByteLevel(json);
          json.writeObjectPropertyStart("model");
          json.writeStringProperty("type", "BPE");
          json.writeBooleanProperty("ignore_merges", splits.merging() == Merging.UNLESS_WHOLE);
          writeVocabulary(json);
          json.writeArrayPropertyStart("merges");
          for (String merge : merges) {
            int space = merge.indexOf(' ', 1);
            if (space < 0) {
              throw metadata.bad(MERGES, "\"" + Shown.of(merge) + "\" is no pair of tokens");
            }
            writePair(json, merge.substring(0, space), merge.substring(space + 1));
          }
          json.writeEndArray();
          json.writeEndObject();
        });
  }

  private byte[] sentencePiece() {
    boolean prefix = metadata.flag(PREFIX + "add_space_prefix").orElse(true);
    List<Join> joins = joins();
    return write(
        json -> {
          json.writeObjectPropertyStart("normalizer");
          json.writeStringProperty("type", "Sequence");
          json.writeArrayPropertyStart("normalizers");
          if (prefix) {
            json.writeStartObject();
            json.writeStringProperty("type", "Prepend");
            json.writeStringProperty("prepend", MARK);
            json.writeEndObject();
          }
          writeReplace(json, " ", MARK);
          json.writeEndArray();
          json.writeEndObject();
          json.writeNullProperty("pre_tokenizer");
          writeBeginning(json, true);
          json.writeObjectPropertyStart("decoder");
          json.writeStringProperty("type", "Sequence");
          json.writeArrayPropertyStart("decoders");
          writeReplace(json, MARK, " ");
          for (String step : List.of("ByteFallback", "Fuse")) {
            json.writeStartObject();
            json.writeStringProperty("type", step);
            json.writeEndObject();
          }
          json.writeEndArray();
          json.writeEndObject();
          json.writeObjectPropertyStart("model");
          json.writeStringProperty("type", "BPE");
          json.writeBooleanProperty("byte_fallback", true);
          writeVocabulary(json);
          json.writeArrayPropertyStart("merges");
          joins.forEach(join -> writePair(json, join.left, join.right));
          json.writeEndArray();
          json.writeEndObject();
        });
  }

  /** All pairs of pieces whose union is a piece, best score first; the shorter left part first among those of one piece. */
  private List<Join> joins() {
    float[] scores = metadata.floats(PREFIX + "scores", vocabulary);
    if (scores.length != tokens.size()) {
      throw metadata.bad(
          PREFIX + "scores",
          "it has " + scores.length + " elements for " + tokens.size() + " tokens");
    }
    Map<String, Integer> pieces = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (type(id) == NORMAL) {
        pieces.put(tokens.get(id), id);
      }
    }
    List<Join> joins = new ArrayList<>();
    pieces.forEach(
        (piece, id) -> {
          if (piece.length() > PIECE_LIMIT_CHARS) {
            throw metadata.bad(
                TOKENS, "a token has more than " + PIECE_LIMIT_CHARS + " characters");
          }
          for (int at = 1; at < piece.length(); at++) {
            String left = piece.substring(0, at);
            String right = piece.substring(at);
            if (pieces.containsKey(left) && pieces.containsKey(right)) {
              joins.add(new Join(left, right, scores[id], id));
            }
          }
          if (joins.size() > MERGES_LIMIT) {
            throw metadata.bad(TOKENS, "its tokens join in more than " + MERGES_LIMIT + " ways");
          }
        });
    joins.sort(
        Comparator.comparingDouble((Join join) -> -join.score)
            .thenComparingInt(Join::id)
            .thenComparingInt(join -> join.left.length()));
    return joins;
  }

  /** The parts that differ between models. */
  @FunctionalInterface
  private interface Parts {
    void write(JsonGenerator json);
  }

  private byte[] write(Parts parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = JsonMapper.shared().createGenerator(out)) {
      json.writeStartObject();
      json.writeStringProperty("version", "1.0");
      json.writeArrayPropertyStart("added_tokens");
      for (int id = 0; id < tokens.size(); id++) {
        if (isAdded(id)) {
          json.writeStartObject();
          json.writeNumberProperty("id", id);
          json.writeStringProperty("content", tokens.get(id));
          json.writeBooleanProperty("normalized", false);
          json.writeBooleanProperty("special", type(id) != USER_DEFINED);
          json.writeEndObject();
        }
      }
      json.writeEndArray();
      parts.write(json);
      json.writeEndObject();
    }
    return out.toByteArray();
  }

  /** Tokens that are found by their spelling, not by merging. */
  private boolean isAdded(int id) {
    return !tokens.get(id).isEmpty()
        && switch (type(id)) {
          case CONTROL, USER_DEFINED, UNKNOWN -> true;
          default -> false;
        };
  }

  /** Unused tokens are left out: nothing merges into them. */
  private void writeVocabulary(JsonGenerator json) {
    json.writeObjectPropertyStart("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      if (type(id) == NORMAL || type(id) == BYTE) {
        json.writeNumberProperty(tokens.get(id), id);
      }
    }
    json.writeEndObject();
  }

  private void writeBeginning(JsonGenerator json, boolean unlessSaid) {
    String key = PREFIX + "bos_token_id";
    if (!metadata.flag(PREFIX + "add_bos_token").orElse(unlessSaid) || !metadata.has(key)) {
      json.writeNullProperty("post_processor");
      return;
    }
    int id = metadata.integer(key, 0, vocabulary - 1);
    if (id >= tokens.size()) {
      throw metadata.bad(key, "there is no token " + id);
    }
    String token = tokens.get(id);
    json.writeObjectPropertyStart("post_processor");
    json.writeStringProperty("type", "TemplateProcessing");
    json.writeArrayPropertyStart("single");
    writeTemplatePart(json, "SpecialToken", token);
    writeTemplatePart(json, "Sequence", "A");
    json.writeEndArray();
    json.writeObjectPropertyStart("special_tokens");
    json.writeObjectPropertyStart(token);
    json.writeStringProperty("id", token);
    json.writeArrayPropertyStart("ids");
    json.writeNumber(id);
    json.writeEndArray();
    json.writeEndObject();
    json.writeEndObject();
    json.writeEndObject();
  }

  private static void writeTemplatePart(JsonGenerator json, String kind, String id) {
    json.writeStartObject();
    json.writeObjectPropertyStart(kind);
    json.writeStringProperty("id", id);
    json.writeNumberProperty("type_id", 0);
    json.writeEndObject();
    json.writeEndObject();
  }

  private static void writeSplit(JsonGenerator json, String expression) {
    json.writeStartObject();
    json.writeStringProperty("type", "Split");
    json.writeObjectPropertyStart("pattern");
    json.writeStringProperty("Regex", expression);
    json.writeEndObject();
    json.writeStringProperty("behavior", "Isolated");
    json.writeBooleanProperty("invert", false);
    json.writeEndObject();
  }

  private static void writeByteLevel(JsonGenerator json) {
    json.writeStartObject();
    json.writeStringProperty("type", "ByteLevel");
    json.writeBooleanProperty("add_prefix_space", false);
    json.writeBooleanProperty("use_regex", false);
    json.writeEndObject();
  }

  private static void writeReplace(JsonGenerator json, String from, String to) {
    json.writeStartObject();
    json.writeStringProperty("type", "Replace");
    json.writeObjectPropertyStart("pattern");
    json.writeStringProperty("String", from);
    json.writeEndObject();
    json.writeStringProperty("content", to);
    json.writeEndObject();
  }

  private static void writePair(JsonGenerator json, String left, String right) {
    json.writeStartArray();
    json.writeString(left);
    json.writeString(right);
    json.writeEndArray();
  }
}
