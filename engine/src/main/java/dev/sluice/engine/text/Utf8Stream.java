package dev.sluice.engine.text;

import java.util.Arrays;

/**
 * Turns the bytes of tokens, pushed one token at a time, into text. A character split over tokens
 * is kept back until it is whole; bytes that can no longer become a character are replaced by
 * U+FFFD, one for each maximal subpart (Unicode Standard, section 3.9). All that was returned,
 * joined, equals decoding all bytes at once. One thread at a time.
 */
public final class Utf8Stream {
  private byte[] kept = new byte[64];
  private int keptBytes; // between calls at most 3: the beginning of one character

  /** Adds {@code tokenBytes} and returns all text that is now certain, possibly empty. */
  public String push(byte[] tokenBytes) {
    int bytes = Math.addExact(keptBytes, tokenBytes.length);
    if (bytes > kept.length) {
      kept = Arrays.copyOf(kept, Math.max(bytes, kept.length * 2));
    }
    System.arraycopy(tokenBytes, 0, kept, keptBytes, tokenBytes.length);
    StringBuilder text = new StringBuilder(bytes);
    int at = 0;
    while (at < bytes) {
      int length = Utf8.sequenceBytes(kept, at, bytes);
      if (length == 0) {
        break;
      }
      if (length > 0) {
        text.appendCodePoint(Utf8.codePoint(kept, at, length));
      } else {
        text.append(Utf8.REPLACEMENT);
      }
      at += Math.abs(length);
    }
    keptBytes = bytes - at;
    System.arraycopy(kept, at, kept, 0, keptBytes);
    return text.toString();
  }

  /**
   * Ends the text: an unfinished character becomes one U+FFFD. The stream is then empty and can be
   * used again.
   */
  public String flush() {
    String rest = keptBytes == 0 ? "" : String.valueOf(Utf8.REPLACEMENT);
    keptBytes = 0;
    return rest;
  }
}
