package dev.sluice.engine.text;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Reads text that must be UTF-8 to the last byte. Nothing is changed: no replacement characters,
 * line ends and a byte order mark stay as they are. Stateless.
 */
public final class TextFile {
  /** Largest text that is read, 1 GiB: what one Java array holds with room to spare. */
  public static final long LIMIT_BYTES = 1L << 30;

  private TextFile() {}

  /**
   * All of a file, or of a pipe such as {@code /dev/stdin}.
   *
   * @throws BadInputException when there is no such readable file, it is larger than {@link
   *     #LIMIT_BYTES}, or it is not UTF-8; the message names the byte offset of the first malformed
   *     sequence
   * @throws FaultException when reading fails
   */
  public static String read(Path file) {
    return read(file, LIMIT_BYTES);
  }

  static String read(Path file, long limitBytes) {
    if (Files.isDirectory(file)) {
      throw new BadInputException(file, "is a folder", "name a text file");
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      if (Files.size(file) > limitBytes) {
        throw tooLarge(file, limitBytes);
      }
      bytes =
          in.readNBytes(
              Math.toIntExact(
                  limitBytes + 1)); // a pipe has no size to ask for, so it is read to know
    } catch (NoSuchFileException e) {
      throw new BadInputException(file, "there is no such file", "check the path", e);
    } catch (AccessDeniedException e) {
      throw new BadInputException(file, "may not be read", "check its permissions", e);
    } catch (IOException e) {
      throw new FaultException(
          file, "reading failed (" + FaultException.reason(e) + ")",
          "check the device and try again", e);
    }
    if (bytes.length > limitBytes) {
      throw tooLarge(file, limitBytes);
    }
    return decode(bytes, file);
  }

  /**
   * Text from bytes that must be UTF-8.
   *
   * @param where the file or flag that the bytes came from, named in the message
   * @throws BadInputException when they are not; the message names the byte offset of the first
   *     malformed sequence
   */
  public static String decode(byte[] utf8, Object where) {
    int malformed = Utf8.firstMalformed(utf8);
    if (malformed >= 0) {
      throw new BadInputException(
          where,
          "not UTF-8 at byte offset %d (0x%02X)".formatted(malformed, utf8[malformed] & 0xff),
          "convert the text to UTF-8, for example with iconv");
    }
    return new String(utf8, StandardCharsets.UTF_8);
  }

  private static BadInputException tooLarge(Path file, long limitBytes) {
    return new BadInputException(
        file,
        "is larger than the limit for texts of " + limitBytes + " bytes",
        "split it into smaller files");
  }
}
