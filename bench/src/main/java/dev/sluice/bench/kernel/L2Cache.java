package dev.sluice.bench.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The L2 cache of the first processor, as Linux tells it. What is measured "from L2" must fit it: most have 256 KiB to 4 MiB. */
final class L2Cache {
  private static final Path SIZE = Path.of("/sys/devices/system/cpu/cpu0/cache/index2/size");
  private static final Pattern KIBIBYTES = Pattern.compile("(\\d{2,5})K");
  private static final int LEAST_BYTES = 256 << 10;
  private static final int MOST_BYTES = 32 << 20;

  private L2Cache() {}

  /** Its size, from 256 KiB to 32 MiB; where nobody tells it, the smallest. */
  static int bytes() {
    try {
      return bytes(Files.readString(SIZE));
    } catch (IOException e) {
      return LEAST_BYTES;
    }
  }

  /** What a line such as {@code 512K} says. */
  static int bytes(String line) {
    Matcher size = KIBIBYTES.matcher(line.strip());
    return size.matches()
        ? Math.clamp((long) Integer.parseInt(size.group(1)) << 10, LEAST_BYTES, MOST_BYTES)
        : LEAST_BYTES;
  }
}
