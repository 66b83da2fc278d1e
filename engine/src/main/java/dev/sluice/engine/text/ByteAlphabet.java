package dev.sluice.engine.text;

import java.util.Arrays;

/**
 * The one-to-one spelling of bytes as printable characters that byte-level vocabularies use
 * (GPT-2): bytes that are printable in Latin-1 stand for themselves, the other 68 become U+0100 and
 * following, in order. Stateless.
 */
final class ByteAlphabet {
  private static final char[] CHARACTERS = new char[256];
  private static final short[] BYTES =
      new short[256 + 68]; // by character; -1 where it spells no byte

  static {
    Arrays.fill(BYTES, (short) -1);
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= 0x21 && b <= 0x7e || b >= 0xa1 && b <= 0xac || b >= 0xae;
      CHARACTERS[b] = (char) (printable ? b : next++);
      BYTES[CHARACTERS[b]] = (short) b;
    }
  }

  private ByteAlphabet() {}

  /** The character that spells byte {@code b}, 0 to 255. */
  static char character(int b) {
    return CHARACTERS[b];
  }

  /** The spelling of {@code bytes}. */
  static String spell(byte[] bytes) {
    char[] spelling = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      spelling[i] = CHARACTERS[bytes[i] & 0xff];
    }
    return new String(spelling);
  }

  /**
   * The bytes that {@code spelling} stands for, or null when it holds a character outside the
   * alphabet.
   */
  static byte[] bytesOrNull(String spelling) {
    byte[] bytes = new byte[spelling.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = spelling.charAt(i);
      if (c >= BYTES.length || BYTES[c] < 0) {
        return null;
      }
      bytes[i] = (byte) BYTES[c];
    }
    return bytes;
  }
}
