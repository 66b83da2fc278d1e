package dev.sluice.cli;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Seeded damage to files of bytes and of JSON: flips, lies about lengths, parts moved, doubled, cut out and cut off. */
final class SeededMutator {
  private static final long[] NASTY = {
    0, 1, -1, 255, 1 << 16, 1 << 30, Integer.MAX_VALUE, Integer.MIN_VALUE, 1L << 32, 1L << 40,
    1L << 53, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - 7
  };

  /** What may stand in the place of a JSON value. */
  private static final String[] VALUES = {
    "null", "true", "false", "0", "-1", "1", "0.5", "1e400", "-1e400", "NaN", "1e-400",
    "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
    "1" + "0".repeat(400), "\"\"", "\"x\"", "\"\\u0000\"", "\"\\ud800\"",
    "\"\u00e4\\n\\r\\u001b[0m\"",
    "\"" + "a".repeat(5000) + "\"", "[]", "{}", "[null]", "[[[[]]]]", "[".repeat(3000),
    "{\"a\":".repeat(1500), "[-1,-1]", "[0]", "[1,2,3,4,5,6,7,8,9]", "[9223372036854775807]",
    "[65536,65536,65536,65536]", "\"F16\"", "\"F64\"", "\"../../etc/passwd\""
  };

  private final SplittableRandom random;

  SeededMutator(long seed) {
    this.random = new SplittableRandom(seed);
  }

  SplittableRandom random() {
    return random;
  }

  /** Damages bytes {@code from} to {@code to}; the rest stays, but for its place. */
  byte[] bytes(byte[] sound, int from, int to) {
    byte[] bytes = sound.clone();
    int hits = 1 + random.nextInt(3);
    for (int hit = 0; hit < hits; hit++) {
      int at = from + random.nextInt(Math.max(1, to - from));
      switch (random.nextInt(5)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> put(bytes, at, 8);
        case 3 -> put(bytes, at, 4);
        default -> {
          int other = from + random.nextInt(Math.max(1, to - from));
          int length = Math.min(1 + random.nextInt(64), bytes.length - Math.max(at, other));
          System.arraycopy(sound, other, bytes, at, length);
        }
      }
    }
    return random.nextInt(6) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes;
  }

  private void put(byte[] bytes, int at, int width) {
    long value = NASTY[random.nextInt(NASTY.length)];
    for (int k = 0; k < width && at + k < bytes.length; k++) {
      bytes[at + k] = (byte) (value >>> 8 * k);
    }
  }

  /** Damages JSON, mostly so that it stays JSON. */
  byte[] json(byte[] sound) {
    if (random.nextInt(5) == 0) {
      return bytes(sound, 0, sound.length);
    }
    String text = new String(sound, StandardCharsets.UTF_8);
    int hits = 1 + random.nextInt(2);
    for (int hit = 0; hit < hits; hit++) {
      text = damaged(text);
    }
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private String damaged(String text) {
    if (text.isEmpty()) {
      return VALUES[random.nextInt(VALUES.length)];
    }
    int start = value(text, random.nextInt(text.length()));
    int end = start;
    while (end < text.length() && ",]}".indexOf(text.charAt(end)) < 0) {
      end++;
    }
    String value = text.substring(start, end);
    return switch (random.nextInt(6)) {
      case 0 -> text.substring(0, start) + text.substring(end); // cut out
      case 1 -> { // what stands elsewhere
        int other = value(text, random.nextInt(text.length()));
        int to = Math.min(text.length(), other + 1 + random.nextInt(40));
        yield text.substring(0, start) + text.substring(other, to) + text.substring(end);
      }
      case 2 -> { // a member twice, or a longer list
        int from = Math.max(0, text.lastIndexOf(',', start));
        yield text.substring(0, end) + text.substring(from, end) + text.substring(end);
      }
      case 3 -> text.substring(0, start) + value + VALUES[random.nextInt(VALUES.length)]
          + text.substring(end);
      default -> text.substring(0, start) + VALUES[random.nextInt(VALUES.length)]
          + text.substring(end);
    };
  }

  /** Where a value begins, at or behind {@code from}. */
  private static int value(String text, int from) {
    int at = from;
    while (at < text.length() && ":[,".indexOf(text.charAt(at)) < 0) {
      at++;
    }
    return Math.min(text.length(), at + 1);
  }
}
