package dev.sluice.bench.peers;

import dev.sluice.storage.BadInputException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A limit on memory.
 *
 * @param label as the user wrote it
 * @param bytes at least one page
 */
public record RamSize(String label, long bytes) {
  private static final Pattern SHARE = Pattern.compile("([0-9]{1,4})/([0-9]{1,4})");
  private static final long LEAST_BYTES = 1 << 20;

  public RamSize {
    if (bytes < LEAST_BYTES) {
      throw new BadInputException("--ram " + label, "is too little for any model",
          "give a share of the GGUF such as 1/2, or a size such as 2G");
    }
  }

  /** Whether {@code text} is a share such as {@code 1/2}. */
  public static boolean isShare(String text) {
    return SHARE.matcher(text.strip()).matches();
  }

  /** That share of {@code wholeBytes}. */
  public static RamSize ofShare(String text, long wholeBytes) {
    Matcher matcher = SHARE.matcher(text.strip());
    if (!matcher.matches() || Integer.parseInt(matcher.group(2)) == 0) {
      throw new BadInputException("--ram " + text, "is no share", "write it like 1/2");
    }
    double share =
        Double.parseDouble(matcher.group(1)) / Double.parseDouble(matcher.group(2));
    return new RamSize(text.strip(), Math.round(share * wholeBytes));
  }
}
