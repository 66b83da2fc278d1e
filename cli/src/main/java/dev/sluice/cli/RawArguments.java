package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command line as the kernel has it. Java decodes arguments by the locale and puts a replacement character where it
 * cannot; a prompt with such a hole in it would be another prompt, so arguments that are not UTF-8 are refused.
 */
final class RawArguments {
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  private RawArguments() {}

  /**
   * The same arguments, decoded strictly; {@code decoded} itself where the kernel does not tell.
   *
   * @throws BadInputException if one is not UTF-8
   */
  static String[] check(String[] decoded) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(COMMAND_LINE);
    } catch (IOException e) {
      return decoded;
    }
    List<String> raw = new ArrayList<>();
    int from = 0;
    int bad = -1;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        try {
          raw.add(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, from, i - from))
              .toString());
        } catch (CharacterCodingException e) {
          bad = raw.size();
          raw.add("");
        }
        from = i + 1;
      }
    }
    int first = raw.size() - decoded.length;
    if (first < 0) {
      return decoded;
    }
    if (bad >= first) {
      String where = bad > first && decoded[bad - first - 1].startsWith("-")
          ? decoded[bad - first - 1] : "argument " + (bad - first + 1);
      throw new BadInputException(where, "its text is not UTF-8",
          "convert it, for example with iconv -t UTF-8");
    }
    return raw.subList(first, raw.size()).toArray(String[]::new);
  }
}
