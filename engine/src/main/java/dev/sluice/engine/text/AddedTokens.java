package dev.sluice.engine.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds tokens that are recognised by their spelling before any merging: leftmost first, the
 * longest of several that begin at the same place. Immutable and thread-safe.
 */
final class AddedTokens {
  /** Whether spaces next to a token belong to it. */
  enum Side {
    NEITHER,
    LEFT,
    RIGHT,
    BOTH;

    boolean left() {
      return this == LEFT || this == BOTH;
    }

    boolean right() {
      return this == RIGHT || this == BOTH;
    }
  }

  /** Where a token may stand. */
  enum Place {
    ANYWHERE,
    /** Only where no letter, mark, digit or connector touches it. */
    WORD
  }

  /** SPECIAL tokens are found only under {@link SpecialTokens#PARSE}, ORDINARY ones always. */
  enum Kind {
    SPECIAL,
    ORDINARY
  }

  /** Whether a token is looked for before or after normalisation. */
  enum Stage {
    RAW,
    NORMALISED
  }

  /** One added token as {@code tokenizer.json} describes it. */
  record Added(int id, String content, Kind kind, Stage stage, Place place, Side spaces) {}

  /**
   * Takes the parts of a text in order: an added token, or, with id {@link #TEXT}, text between
   * two.
   */
  @FunctionalInterface
  interface Sink {
    void accept(int id, String part);
  }

  /** Stands for "no token" in {@link Sink}. */
  static final int TEXT = -1;

  private final Map<Character, List<Added>> byFirst = new HashMap<>();

  /** The tokens of {@code all} that are looked for at {@code stage}. */
  AddedTokens(List<Added> all, Stage stage) {
    for (Added token : all) {
      if (token.stage == stage) {
        byFirst.computeIfAbsent(token.content.charAt(0), c -> new ArrayList<>()).add(token);
      }
    }
    Comparator<Added> longestFirst =
        Comparator.comparingInt((Added token) -> token.content.length()).reversed();
    byFirst.values().forEach(tokens -> tokens.sort(longestFirst));
  }

  /** Gives every part of {@code text}, none empty, to {@code sink}. */
  void split(String text, SpecialTokens special, Sink sink) {
    int done = 0;
    int at = 0;
    while (!byFirst.isEmpty() && at < text.length()) {
      Added token = tokenAt(text, at);
      if (token == null) {
        at++;
        continue;
      }
      int start = at;
      int end = at + token.content.length();
      at = end; // also when it does not count: what it covers is not searched again
      if (token.kind == Kind.SPECIAL && special == SpecialTokens.PLAIN
          || token.place == Place.WORD && touchesWord(text, start, end)) {
        continue;
      }
      if (token.spaces.left()) {
        while (start > done && isSpace(text.charAt(start - 1))) {
          start--;
        }
      }
      if (token.spaces.right()) {
        while (end < text.length() && isSpace(text.charAt(end))) {
          end++;
        }
      }
      if (done < start) {
        sink.accept(TEXT, text.substring(done, start));
      }
      sink.accept(token.id, token.content);
      done = end;
      at = end;
    }
    if (done < text.length()) {
      sink.accept(TEXT, text.substring(done));
    }
  }

  private Added tokenAt(String text, int at) {
    List<Added> candidates = byFirst.get(text.charAt(at));
    if (candidates != null) {
      for (Added token : candidates) {
        if (text.startsWith(token.content, at)) {
          return token;
        }
      }
    }
    return null;
  }

  private static boolean touchesWord(String text, int start, int end) {
    return start > 0 && isWord(text.codePointBefore(start))
        || end < text.length() && isWord(text.codePointAt(end));
  }

  /**
   * Unicode's \w: alphabetic, mark, decimal digit, connector punctuation, join control (UTS 18,
   * annex C).
   */
  private static boolean isWord(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.NON_SPACING_MARK,
          Character.COMBINING_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.DECIMAL_DIGIT_NUMBER,
          Character.CONNECTOR_PUNCTUATION ->
          true;
      default -> Character.isAlphabetic(codePoint) || codePoint == 0x200c || codePoint == 0x200d;
    };
  }

  /** Unicode's White_Space property, all of it in the basic plane. */
  private static boolean isSpace(char c) {
    return c >= 0x09 && c <= 0x0d || c == 0x85 || Character.isSpaceChar(c);
  }
}
