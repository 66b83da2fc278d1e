package dev.sluice.engine.text;

import java.util.Set;
import java.util.regex.Pattern;

/**
 * Translates the Oniguruma expressions in tokenizer files into {@link java.util.regex}. Only what
 * means the same in both is let through, so that no pattern silently splits otherwise than where
 * the model was trained: alternatives, literals, classes, {@code (?:…) (?i:…) (?=…) (?!…)}, general
 * categories and scripts, the usual quantifiers. A repeated group is refused, which also rules out
 * deep recursion and the commonest kind of exponential search, not every slow expression.
 */
final class SplitPattern {
  /** What a message offers instead of an expression that was refused. */
  static final String SUPPORTED =
      "literals, alternatives, classes, \\p{…} categories and scripts, \\s \\S \\d, (?:…) (?i:…)"
          + " (?=…) (?!…), ? * + {n,m} on single characters";

  private static final int MAX_CHARACTERS = 2048;
  private static final int MAX_DEPTH = 32;
  private static final int MAX_REPEATS = 256; // one stack frame each in java.util.regex

  private static final Set<String> CATEGORIES =
      Set.of(
          "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P",
          "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl",
          "Zp");

  /** What was just read, which decides how it may be repeated. */
  private enum Atom {
    NONE,
    CHARACTER,
    GROUP,
    LOOK_AHEAD
  }

  private final String source;
  private final StringBuilder target = new StringBuilder();
  private int at;

  private SplitPattern(String source) {
    this.source = source;
  }

  /**
   * @param oniguruma an expression in Oniguruma's Ruby syntax
   * @throws IllegalArgumentException when it uses anything else than {@link #SUPPORTED}; the
   *     message says what and where
   */
  static Pattern translate(String oniguruma) {
    if (oniguruma.isEmpty() || oniguruma.length() > MAX_CHARACTERS) {
      throw new IllegalArgumentException("a length of " + oniguruma.length() + " characters");
    }
    SplitPattern translation = new SplitPattern(oniguruma);
    translation.alternatives(0);
    if (translation.at < oniguruma.length()) {
      throw translation.refuse("')' without a group");
    }
    return Pattern.compile(translation.target.toString());
  }

  /** Reads up to the end or an unmatched ')'. */
  private void alternatives(int depth) {
    if (depth > MAX_DEPTH) {
      throw refuse("groups nested more than " + MAX_DEPTH + " deep");
    }
    Atom last = Atom.NONE;
    while (at < source.length() && source.charAt(at) != ')') {
      int c = source.codePointAt(at);
      switch (c) {
        case '|' -> {
          at++;
          target.append('|');
          last = Atom.NONE;
        }
        case '?', '*', '+', '{' -> {
          quantifier(last);
          last = Atom.NONE;
        }
        case '(' -> last = group(depth);
        case '[' -> {
          characterClass();
          last = Atom.CHARACTER;
        }
        case '\\' -> {
          escape();
          last = Atom.CHARACTER;
        }
        case '.', '^', '$', '}', ']' -> throw refuse("'" + (char) c + "'");
        default -> {
          literal(c);
          at += Character.charCount(c);
          last = Atom.CHARACTER;
        }
      }
    }
  }

  private Atom group(int depth) {
    Atom kind = Atom.GROUP;
    if (source.startsWith("(?:", at)) {
      target.append("(?:");
      at += 3;
    } else if (source.startsWith("(?i:", at)) {
      target.append("(?iu:");
      at += 4;
    } else if (source.startsWith("(?=", at) || source.startsWith("(?!", at)) {
      target.append(source, at, at + 3);
      at += 3;
      kind = Atom.LOOK_AHEAD;
    } else if (source.startsWith("(?", at)) {
      throw refuse("this kind of group");
    } else {
      target.append("(?:");
      at++;
    }
    alternatives(depth + 1);
    if (at == source.length()) {
      throw refuse("a group without its ')'");
    }
    at++;
    target.append(')');
    return kind;
  }

  private void quantifier(Atom repeated) {
    char c = source.charAt(at);
    if (repeated == Atom.NONE
        || repeated == Atom.LOOK_AHEAD
        || repeated == Atom.GROUP && c != '?') {
      throw refuse("'" + c + "' here");
    }
    if (c == '{') {
      interval();
      return; // a '?' or '+' that follows means different things in the two languages: refused
    }
    target.append(c);
    at++;
    if (at < source.length() && (source.charAt(at) == '+' || source.charAt(at) == '?')) {
      target.append(source.charAt(at++)); // possessive or reluctant
    }
  }

  private void interval() {
    int end = source.indexOf('}', at);
    String inside = end < 0 ? "" : source.substring(at + 1, end);
    if (!inside.matches("[0-9]{1,3}(,[0-9]{0,3})?")) {
      throw refuse("this '{'");
    }
    String[] bounds = inside.split(",");
    int least = Integer.parseInt(bounds[0]);
    int most = bounds.length == 1 ? least : Integer.parseInt(bounds[1]);
    if (most < least || most > MAX_REPEATS) {
      throw refuse("these bounds of repetition");
    }
    target.append('{').append(inside).append('}');
    at = end + 1;
  }

  private void characterClass() {
    at++;
    target.append('[');
    if (source.startsWith("^", at)) {
      target.append('^');
      at++;
    }
    if (source.startsWith("]", at)) {
      throw refuse("an empty class");
    }
    while (at < source.length() && source.charAt(at) != ']') {
      int low = classMember();
      if (source.startsWith("-", at) && !source.startsWith("-]", at)) {
        at++;
        int high = low < 0 || at == source.length() ? -1 : codePointOrSet();
        if (high < low || high < 0) {
          throw refuse("this range");
        }
        target.append('-');
        literal(high);
      }
    }
    if (at == source.length()) {
      throw refuse("a class without its ']'");
    }
    at++;
    target.append(']');
  }

  /**
   * Reads and writes one member of a class; returns its code point, or -1 for a set such as {@code
   * \s}.
   */
  private int classMember() {
    int value = codePointOrSet();
    if (value >= 0) {
      literal(value);
    }
    return value;
  }

  private void escape() {
    int value = codePointOrSet();
    if (value >= 0) {
      literal(value);
    }
  }

  /**
   * Reads one character, escaped or not, and returns it; a set such as {@code \p{L}} is written at
   * once, and -1 returned.
   */
  private int codePointOrSet() {
    int c = source.codePointAt(at);
    if (c == '[' || source.startsWith("&&", at)) {
      throw refuse("a class within a class");
    }
    if (c != '\\') {
      at += Character.charCount(c);
      return c;
    }
    if (at + 1 == source.length()) {
      throw refuse("a lone '\\'");
    }
    char kind = source.charAt(at + 1);
    at += 2;
    return switch (kind) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'f' -> '\f';
      case 'v' -> 0x0b;
      case 's' -> set("\\p{IsWhite_Space}");
      case 'S' -> set("\\P{IsWhite_Space}");
      case 'd' -> set("\\p{Nd}");
      case 'p', 'P' -> property(kind);
      case 'u' -> hexadecimal();
      default -> {
        if (kind > 0x7e || Character.isLetterOrDigit(kind) || kind < ' ') {
          at -= 2;
          throw refuse("'\\" + kind + "'");
        }
        yield kind;
      }
    };
  }

  private int set(String java) {
    target.append(java);
    return -1;
  }

  private int property(char kind) {
    int end = source.startsWith("{", at) ? source.indexOf('}', at) : -1;
    String name = end < 0 ? "" : source.substring(at + 1, end);
    if (!CATEGORIES.contains(name)) {
      try {
        name = "Is" + Character.UnicodeScript.forName(name).name();
      } catch (IllegalArgumentException e) {
        IllegalArgumentException refused = refuse("the property \\" + kind + "{" + name + "}");
        refused.initCause(e);
        throw refused;
      }
    }
    at = end + 1;
    return set("\\" + kind + "{" + name + "}");
  }

  private int hexadecimal() {
    String digits = source.substring(at, Math.min(at + 4, source.length()));
    if (!digits.matches("[0-9A-Fa-f]{4}")
        || Character.isSurrogate((char) Integer.parseInt(digits, 16))) {
      throw refuse("this \\u");
    }
    at += 4;
    return Integer.parseInt(digits, 16);
  }

  /** Writes a character so that it cannot be taken for syntax. */
  private void literal(int codePoint) {
    if (codePoint < 0x80 && Character.isLetterOrDigit(codePoint)) {
      target.append((char) codePoint);
    } else {
      target.append("\\x{").append(Integer.toHexString(codePoint)).append('}');
    }
  }

  private IllegalArgumentException refuse(String what) {
    int position = Math.min(at, source.length());
    return new IllegalArgumentException(what + " at character " + position + " of the expression");
  }
}
