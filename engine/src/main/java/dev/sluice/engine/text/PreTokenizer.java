package dev.sluice.engine.text;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts text into the pieces within which tokens may merge: a chain of splits, each working on what
 * the one before left, blind to what lies outside its piece. Immutable and thread-safe.
 *
 * @param splits in the order in which they apply
 */
record PreTokenizer(List<Split> splits) {

  /** What a split does with its matches and with the text between them. */
  enum Behaviour {
    /** Both become pieces. */
    ISOLATED,
    /** Matches are dropped, what lies between them becomes pieces. */
    REMOVED,
    /** Matches become pieces, what lies between them is dropped. */
    KEPT
  }

  /** Whether a piece that does not begin with a space is given one before the pattern applies. */
  enum Prefix {
    SPACE,
    NONE
  }

  /** One step. A null pattern leaves each piece whole. */
  record Split(Pattern pattern, Behaviour behaviour, Prefix prefix) {}

  /** GPT-2's pattern: English contractions, letters, numbers, anything else, white space. */
  static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  /** Takes each piece, never empty, in text order. */
  @FunctionalInterface
  interface Sink {
    void accept(CharSequence text, int start, int end);
  }

  PreTokenizer {
    splits = List.copyOf(splits);
  }

  /** Gives every piece of {@code text} to {@code sink}. */
  void split(String text, Sink sink) {
    Matcher[] matchers = new Matcher[splits.size()]; // reused over pieces: a long text has many
    split(0, matchers, text, 0, text.length(), sink);
  }

  private void split(
      int step, Matcher[] matchers, CharSequence text, int start, int end, Sink sink) {
    if (start == end) {
      return;
    }
    if (step == splits.size()) {
      sink.accept(text, start, end);
      return;
    }
    Split split = splits.get(step);
    if (split.prefix == Prefix.SPACE && text.charAt(start) != ' ') {
      text = " " + text.subSequence(start, end);
      start = 0;
      end = text.length();
    }
    if (split.pattern == null) {
      split(step + 1, matchers, text, start, end, sink);
      return;
    }
    Matcher matcher = matchers[step];
    if (matcher == null) {
      matcher = split.pattern.matcher(text);
      matchers[step] = matcher;
    } else {
      matcher.reset(text);
    }
    matcher.region(start, end);
    int done = start;
    while (matcher.find()) {
      if (split.behaviour != Behaviour.KEPT) {
        split(step + 1, matchers, text, done, matcher.start(), sink);
      }
      done = matcher.end();
      if (split.behaviour != Behaviour.REMOVED) {
        split(step + 1, matchers, text, matcher.start(), done, sink);
      }
    }
    if (split.behaviour != Behaviour.KEPT) {
      split(step + 1, matchers, text, done, end, sink);
    }
  }
}
