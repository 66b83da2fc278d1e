package dev.sluice.bundler.input;

/** Text from an untrusted file, made fit to stand in a one-line message. */
public final class Shown {
  private static final int LIMIT_CHARS = 120;

  private Shown() {}

  /**
   * {@code text} with control characters and half surrogate pairs replaced, cut to 120 characters.
   */
  public static String of(String text) {
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < text.length() && i < LIMIT_CHARS; i++) {
      char c = text.charAt(i);
      boolean plain =
          !Character.isISOControl(c) && !Character.isSurrogate(c) && c != 0x2028 && c != 0x2029;
      shown.append(plain ? c : '?');
    }
    if (text.length() > LIMIT_CHARS) {
      shown.append("...");
    }
    return shown.toString();
  }
}
