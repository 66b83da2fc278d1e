package dev.sluice.engine.text;

/**
 * What to do with the spelling of a special token, such as {@code <|endoftext|>}, when it stands in
 * a text.
 */
public enum SpecialTokens {
  /** Take it for the token: for templates and other text that Sluice itself wrote. */
  PARSE,
  /**
   * Take it for ordinary characters: for text from users and files, which must not be able to end a
   * turn.
   */
  PLAIN
}
