package dev.sluice.engine.text;

import dev.sluice.engine.text.AddedTokens.Added;
import dev.sluice.engine.text.AddedTokens.Kind;
import dev.sluice.engine.text.AddedTokens.Place;
import dev.sluice.engine.text.AddedTokens.Side;
import dev.sluice.engine.text.AddedTokens.Stage;
import dev.sluice.engine.text.PreTokenizer.Behaviour;
import dev.sluice.engine.text.PreTokenizer.Prefix;
import dev.sluice.engine.text.PreTokenizer.Split;
import dev.sluice.engine.text.Tokenizer.Normalisation;
import dev.sluice.engine.text.Tokenizer.Spaces;
import dev.sluice.storage.BadInputException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * What the small parts of a Hugging Face {@code tokenizer.json} (version 1.0) mean: normaliser,
 * pre-tokeniser, post-processor, added tokens and the model's switches. {@link TokenizerReader}
 * reads the two large ones, vocabulary and merges. Everything that Sluice would have to ignore to
 * go on is refused instead.
 */
final class TokenizerFormat {
  private static final int MAX_STEPS = 64;
  private static final int MAX_QUOTED_CHARACTERS = 60;

  private static final String MARK = String.valueOf(Tokenizer.SPACE_MARK);
  private static final Set<String> FALLBACK_STEPS =
      Set.of("Replace", "ByteFallback", "Fuse", "Strip");
  private static final String FALLBACK_DECODER =
      "a decoder Sequence of Replace, ByteFallback, Fuse and Strip";

  private final String source;

  TokenizerFormat(String source) {
    this.source = source;
  }

  /** What a vocabulary's tokens are spelled in. */
  enum Spelling {
    /** GPT-2's characters for bytes. */
    BYTES,
    /** Themselves, with tokens such as {@code <0x0A>} for bytes that no character covers. */
    CHARACTERS
  }

  Spelling spelling(JsonNode model) {
    if (!flag(model, "byte_fallback", false)) {
      return Spelling.BYTES;
    }
    if (ignoresMerges(model)) {
      throw unsupported("byte_fallback together with ignore_merges", "one of the two");
    }
    return Spelling.CHARACTERS;
  }

  Normalisation normalisation(JsonNode node, Spelling spelling) {
    Normalisation all = Normalisation.NONE;
    for (JsonNode step : normalizers(node)) {
      boolean marks = isPrepend(step) || isReplace(step);
      if (type(step).equals("NFC")) {
        all = Normalisation.NFC;
      } else if (spelling == Spelling.BYTES || !marks) {
        throw unsupported(
            "the normalizer " + quote(type(step)),
            spelling == Spelling.BYTES ? "no normalizer or NFC"
                : "normalizers that prepend U+2581 and replace spaces by it, or NFC");
      }
    }
    return all;
  }

  Spaces spaces(JsonNode node, Spelling spelling) {
    boolean prefixed = false;
    boolean marked = false;
    for (JsonNode step : normalizers(node)) {
      prefixed |= isPrepend(step);
      marked |= isReplace(step);
    }
    if (spelling == Spelling.CHARACTERS && !marked) {
      throw unsupported(
          "byte fallback without a normalizer that replaces spaces by U+2581",
          "byte-level BPE, or SentencePiece's way with spaces");
    }
    return prefixed ? Spaces.PREFIXED : marked ? Spaces.MARKED : Spaces.KEPT;
  }

  private List<JsonNode> normalizers(JsonNode node) {
    List<JsonNode> steps = new ArrayList<>();
    if (!absent(node)) {
      if (type(node).equals("Sequence")) {
        array(node, "normalizers").forEach(steps::add);
      } else {
        steps.add(node);
      }
    }
    return steps;
  }

  private boolean isPrepend(JsonNode step) {
    return type(step).equals("Prepend") && string(step, "prepend").equals(MARK);
  }

  private boolean isReplace(JsonNode step) {
    return type(step).equals("Replace") && step.path("pattern").path("String").asString("")
        .equals(" ") && string(step, "content").equals(MARK);
  }

  PreTokenizer preTokenizer(JsonNode node, Spelling spelling) {
    if (spelling == Spelling.CHARACTERS) {
      // A split at spaces finds none where all are marked.
      boolean nothing = absent(node) || type(node).equals("Split")
          && node.path("pattern").path("String").asString("").equals(" ");
      if (!nothing) {
        throw unsupported(
            "the pre-tokenizer " + quote(type(node)) + " with byte fallback",
            "byte fallback and no pre-tokenizer");
      }
      return new PreTokenizer(List.of());
    }
    List<JsonNode> steps = new ArrayList<>();
    if (!absent(node) && type(node).equals("Sequence")) {
      array(node, "pretokenizers").forEach(steps::add);
    } else {
      steps.add(node);
    }
    String supported =
        "a byte-level pre-tokenizer: ByteLevel, or a Sequence of Split and Digits that ends in"
            + " ByteLevel";
    if (steps.isEmpty() || steps.size() > MAX_STEPS) {
      throw unsupported("a pre-tokenizer Sequence of " + steps.size() + " steps", supported);
    }
    List<Split> splits = new ArrayList<>();
    for (int i = 0; i < steps.size(); i++) {
      JsonNode step = steps.get(i);
      String type = absent(step) ? "null" : type(step);
      boolean last = i == steps.size() - 1;
      if (last != type.equals("ByteLevel")) {
        throw unsupported(
            "the pre-tokenizer " + quote(type) + (last ? " at the end" : " before the end"),
            supported);
      }
      splits.add(
          switch (type) {
            case "ByteLevel" -> byteLevel(step);
            case "Split" -> split(step);
            case "Digits" -> digits(step);
            default -> throw unsupported("the pre-tokenizer " + quote(type), supported);
          });
    }
    return new PreTokenizer(splits);
  }

  private Split byteLevel(JsonNode node) {
    Prefix prefix = flag(node, "add_prefix_space", true) ? Prefix.SPACE : Prefix.NONE;
    Pattern pattern =
        flag(node, "use_regex", true) ? SplitPattern.translate(PreTokenizer.GPT2) : null;
    return new Split(pattern, Behaviour.ISOLATED, prefix);
  }

  private Split digits(JsonNode node) {
    String pattern = flag(node, "individual_digits", false) ? "\\p{N}" : "\\p{N}+";
    return new Split(SplitPattern.translate(pattern), Behaviour.ISOLATED, Prefix.NONE);
  }

  private Split split(JsonNode node) {
    boolean inverted = flag(node, "invert", false);
    String name = string(node, "behavior");
    Behaviour behaviour =
        switch (name) {
          case "Isolated" -> Behaviour.ISOLATED;
          case "Removed" -> inverted ? Behaviour.KEPT : Behaviour.REMOVED;
          default -> throw unsupported("the Split behavior " + quote(name), "Isolated or Removed");
        };
    JsonNode pattern = node.path("pattern");
    if (pattern.path("String").isString() && !pattern.path("String").stringValue().isEmpty()) {
      return new Split(
          Pattern.compile(Pattern.quote(pattern.path("String").stringValue())),
          behaviour,
          Prefix.NONE);
    }
    String expression = string(pattern, "Regex");
    try {
      return new Split(SplitPattern.translate(expression), behaviour, Prefix.NONE);
    } catch (IllegalArgumentException e) {
      throw unsupported(
          "the Split expression " + quote(expression) + " (" + e.getMessage() + ")",
          SplitPattern.SUPPORTED);
    }
  }

  /**
   * Ids of the tokens that the post-processor puts before every text, by their name in the
   * template.
   */
  List<Integer> beginning(JsonNode node) {
    List<Integer> ids = new ArrayList<>();
    if (absent(node)) {
      return ids;
    }
    List<JsonNode> steps = new ArrayList<>();
    if (type(node).equals("Sequence")) {
      array(node, "processors").forEach(steps::add);
    } else {
      steps.add(node);
    }
    for (JsonNode step : steps) {
      switch (type(step)) {
        case "ByteLevel" -> {} // it only trims offsets, which Sluice does not keep
        case "TemplateProcessing" -> template(step, ids);
        default ->
            throw unsupported(
                "the post-processor " + quote(type(step)),
                "no post-processor, ByteLevel or TemplateProcessing");
      }
    }
    return ids;
  }

  private void template(JsonNode node, List<Integer> ids) {
    JsonNode single = array(node, "single");
    for (int i = 0; i < single.size() - 1; i++) {
      String name = string(single.get(i).path("SpecialToken"), "id");
      for (JsonNode id : array(node.path("special_tokens").path(name), "ids")) {
        if (!id.isInt()) {
          throw broken("the template's token " + quote(name) + " has an id that is not a number");
        }
        ids.add(id.intValue());
      }
    }
    if (single.isEmpty() || !single.get(single.size() - 1).has("Sequence")) {
      throw unsupported(
          "a post-processor template with tokens after the text",
          "templates that only put tokens before it");
    }
  }

  void checkDecoder(JsonNode node, Spelling spelling) {
    if (absent(node)) {
      return;
    }
    switch (spelling) {
      case BYTES -> {
        if (!type(node).equals("ByteLevel")) {
          throw unsupported("the decoder " + quote(type(node)), "the ByteLevel decoder");
        }
      }
      case CHARACTERS -> {
        if (!type(node).equals("Sequence")) {
          throw unsupported("the decoder " + quote(type(node)), FALLBACK_DECODER);
        }
        for (JsonNode step : array(node, "decoders")) {
          if (!FALLBACK_STEPS.contains(type(step))) {
            throw unsupported("the decoder " + quote(type(step)), FALLBACK_DECODER);
          }
        }
      }
    }
  }

  /** Refuses models and switches that change how pieces are merged. */
  void checkModel(JsonNode model) {
    if (!model.path("type").isMissingNode() && !model.path("type").asString("").equals("BPE")) {
      throw unsupported(
          "the model type " + quote(model.path("type").asString("")), "byte-level BPE");
    }
    for (String affix : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      JsonNode node = model.path(affix);
      if (!absent(node) && !node.asString("?").isEmpty()) {
        throw unsupported("the model's " + affix, "byte-level BPE without affixes");
      }
    }
    JsonNode dropout = model.path("dropout");
    if (!absent(dropout) && dropout.asDouble(1) != 0) {
      throw unsupported("the model's dropout", "byte-level BPE without dropout");
    }
  }

  boolean ignoresMerges(JsonNode model) {
    return flag(model, "ignore_merges", false);
  }

  List<Added> added(JsonNode nodes) {
    List<Added> added = new ArrayList<>();
    if (absent(nodes)) {
      return added;
    }
    if (!nodes.isArray()) {
      throw broken("added_tokens is not an array");
    }
    for (JsonNode node : nodes) {
      String content = string(node, "content");
      JsonNode id = node.path("id");
      if (!id.isInt() || content.isEmpty() || Utf8.firstLoneSurrogate(content) >= 0) {
        throw broken("an added token, " + quote(content) + ", has no usable id or content");
      }
      boolean left = flag(node, "lstrip", false);
      boolean right = flag(node, "rstrip", false);
      boolean special = flag(node, "special", false);
      added.add(
          new Added(
              id.intValue(),
              content,
              special ? Kind.SPECIAL : Kind.ORDINARY,
              flag(node, "normalized", !special) ? Stage.NORMALISED : Stage.RAW,
              flag(node, "single_word", false) ? Place.WORD : Place.ANYWHERE,
              left ? (right ? Side.BOTH : Side.LEFT) : (right ? Side.RIGHT : Side.NEITHER)));
    }
    return added;
  }

  BadInputException broken(String cause) {
    return new BadInputException(
        source, cause, "restore the tokenizer.json that came with the checkpoint");
  }

  private BadInputException unsupported(String part, String supported) {
    return new BadInputException(
        source, part + " is not supported", "use a tokenizer with " + supported);
  }

  /** A value from the file, made fit for a message of one line. */
  static String quote(String value) {
    StringBuilder shown = new StringBuilder("\"");
    value
        .codePoints()
        .limit(MAX_QUOTED_CHARACTERS)
        .forEach(
            c -> shown.appendCodePoint(
                Character.isISOControl(c) || c == 0x2028 || c == 0x2029 ? '?' : c));
    return shown
        .append(value.codePointCount(0, value.length()) > MAX_QUOTED_CHARACTERS ? "…\"" : "\"")
        .toString();
  }

  private static boolean absent(JsonNode node) {
    return node == null || node.isMissingNode() || node.isNull();
  }

  private String type(JsonNode node) {
    return string(node, "type");
  }

  private String string(JsonNode node, String key) {
    if (!node.path(key).isString()) {
      throw broken("a string " + quote(key) + " is missing");
    }
    return node.path(key).stringValue();
  }

  private JsonNode array(JsonNode node, String key) {
    if (!node.path(key).isArray()) {
      throw broken("an array " + quote(key) + " is missing");
    }
    return node.path(key);
  }

  private boolean flag(JsonNode node, String key, boolean otherwise) {
    JsonNode value = node.path(key);
    if (!absent(value) && !value.isBoolean()) {
      throw broken(quote(key) + " is neither true nor false");
    }
    return absent(value) ? otherwise : value.booleanValue();
  }
}
