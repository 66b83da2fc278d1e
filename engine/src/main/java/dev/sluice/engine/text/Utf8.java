package dev.sluice.engine.text;

/**
 * The shape of UTF-8, in one place: Unicode Standard, table 3-7 (well-formed byte sequences) and
 * its recommended practice of replacing each maximal subpart of an ill-formed sequence by one
 * U+FFFD. Stateless.
 */
final class Utf8 {
  /** What stands for a maximal subpart of an ill-formed sequence. */
  static final char REPLACEMENT = '\uFFFD';

  private Utf8() {}

  /**
   * Classifies the sequence that begins at {@code from}, which must be less than {@code to}.
   *
   * @return its length in bytes when it is one whole character; minus the length of its maximal
   *     subpart when it is ill-formed; 0 when {@code to} cuts it off and the bytes so far could
   *     still become a character
   */
  static int sequenceBytes(byte[] bytes, int from, int to) {
    int lead = bytes[from] & 0xff;
    if (lead < 0x80) {
      return 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
      return -1;
    }
    int length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    for (int i = 1; i < length; i++) {
      if (from + i == to) {
        return 0;
      }
      int next = bytes[from + i] & 0xff;
      int low = 0x80;
      int high = 0xbf;
      if (i == 1) { // the second byte excludes overlong forms, surrogates and what lies above
        // U+10FFFF
        switch (lead) {
          case 0xe0 -> low = 0xa0;
          case 0xed -> high = 0x9f;
          case 0xf0 -> low = 0x90;
          case 0xf4 -> high = 0x8f;
          default -> {}
        }
      }
      if (next < low || next > high) {
        return -i;
      }
    }
    return length;
  }

  /** The code point of a whole character of {@code length} bytes at {@code from}. */
  static int codePoint(byte[] bytes, int from, int length) {
    int value = length == 1 ? bytes[from] : bytes[from] & 0xff >> (length + 1);
    for (int i = 1; i < length; i++) {
      value = value << 6 | bytes[from + i] & 0x3f;
    }
    return value;
  }

  /**
   * Offset of the first ill-formed or cut-off sequence, or -1 when all of {@code bytes} is
   * well-formed.
   */
  static int firstMalformed(byte[] bytes) {
    int at = 0;
    while (at < bytes.length) {
      int length = sequenceBytes(bytes, at, bytes.length);
      if (length <= 0) {
        return at;
      }
      at += length;
    }
    return -1;
  }

  /**
   * Index of the first half of a surrogate pair that stands alone, or -1 when {@code text} is valid
   * Unicode.
   */
  static int firstLoneSurrogate(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        if (Character.isLowSurrogate(c)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          return i;
        }
        i++;
      }
    }
    return -1;
  }
}
