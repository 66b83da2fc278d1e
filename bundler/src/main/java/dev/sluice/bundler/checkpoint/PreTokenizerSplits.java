package dev.sluice.bundler.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the names under {@code tokenizer.ggml.pre} stand for: expressions that are applied one after the other, each to the
 * pieces that the one before left (llama.cpp's llama-vocab.cpp), and two switches. Immutable.
 *
 * @param expressions in the syntax of tokenizer.json
 */
record PreTokenizerSplits(List<String> expressions, Merging merging, Beginning beginning) {

  /** Whether a piece that is a token is taken whole before any merging. */
  enum Merging {
    ALWAYS,
    UNLESS_WHOLE
  }

  /** Whether the beginning-of-text token goes before a text where the file does not say. */
  enum Beginning {
    PLAIN,
    MARKED
  }

  private static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  private static final String CONTRACTIONS =
      "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

  private static final String WORDS = CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
  private static final String REST =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final PreTokenizerSplits OF_GPT2 = plain(GPT2);
  private static final PreTokenizerSplits SINGLE_DIGITS = plain("\\p{N}", GPT2);
  private static final PreTokenizerSplits OF_QWEN2 = plain(WORDS + "\\p{N}" + REST);
  private static final PreTokenizerSplits THREE_DIGITS = plain(WORDS + "\\p{N}{1,3}" + REST);

  private static final PreTokenizerSplits OF_LLAMA3 =
      new PreTokenizerSplits(
          THREE_DIGITS.expressions, Merging.UNLESS_WHOLE, Beginning.MARKED);

  /** What files without a name were made for, as far as anyone can know. */
  private static final PreTokenizerSplits UNNAMED =
      plain("[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]");

  private static final Map<String, PreTokenizerSplits> BY_NAME =
      Map.ofEntries(
          Map.entry("default", UNNAMED),
          Map.entry("llama3", OF_LLAMA3),
          Map.entry("llama-v3", OF_LLAMA3),
          Map.entry("llama-bpe", OF_LLAMA3),
          Map.entry("falcon3", OF_LLAMA3),
          Map.entry("dbrx", THREE_DIGITS),
          Map.entry("smaug-bpe", THREE_DIGITS),
          Map.entry("glm4", THREE_DIGITS),
          Map.entry("chatglm-bpe", THREE_DIGITS),
          Map.entry("qwen2", OF_QWEN2),
          Map.entry("deepseek-r1-qwen", OF_QWEN2),
          Map.entry("megrez", OF_QWEN2),
          Map.entry("stablelm2", OF_QWEN2),
          Map.entry("gpt-2", OF_GPT2),
          Map.entry("phi-2", OF_GPT2),
          Map.entry("mpt", OF_GPT2),
          Map.entry("olmo", OF_GPT2),
          Map.entry("jais", OF_GPT2),
          Map.entry("smollm", SINGLE_DIGITS),
          Map.entry("starcoder", SINGLE_DIGITS),
          Map.entry("refact", SINGLE_DIGITS),
          Map.entry("command-r", SINGLE_DIGITS),
          Map.entry("codeshell", SINGLE_DIGITS),
          Map.entry("exaone", SINGLE_DIGITS));

  PreTokenizerSplits {
    expressions = List.copyOf(expressions);
  }

  private static PreTokenizerSplits plain(String... expressions) {
    return new PreTokenizerSplits(List.of(expressions), Merging.ALWAYS, Beginning.PLAIN);
  }

  static Optional<PreTokenizerSplits> ofName(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  /** For messages: every name, in alphabetical order. */
  static String supported() {
    return String.join(", ", BY_NAME.keySet().stream().sorted().toList());
  }
}
