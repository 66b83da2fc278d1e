package dev.sluice.bundler.input;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Opens files that a user named. Symbolic links are followed: model caches are built of them. */
public final class InputFiles {
  private InputFiles() {}

  /**
   * Opens a regular file for positional reads.
   *
   * @throws BadInputException if it is absent, no regular file or not readable
   */
  public static FileChannel open(Path file) {
    requireRegular(file);
    try {
      return FileChannel.open(file, StandardOpenOption.READ);
    } catch (IOException e) {
      throw refusal(file, e);
    }
  }

  /**
   * The whole file as bytes.
   *
   * @param limitBytes the most that a sane file of this kind holds
   * @throws BadInputException if it is absent, larger than the limit or not readable
   */
  public static byte[] readSmall(Path file, int limitBytes) {
    requireRegular(file);
    try (InputStream in = Files.newInputStream(file)) {
      // The size is checked before the read allocates; the bounded read guards against growth
      // since.
      long sizeBytes = Files.size(file);
      byte[] bytes = sizeBytes > limitBytes ? null : in.readNBytes(limitBytes + 1);
      if (bytes == null || bytes.length > limitBytes) {
        throw new BadInputException(
            file,
            "it is larger than the " + limitBytes + " bytes allowed",
            "check that it is the right file");
      }
      return bytes;
    } catch (IOException e) {
      throw refusal(file, e);
    }
  }

  /** What to throw when reading {@code file} fails: the user's to mend, or the device's fault. */
  public static RuntimeException refusal(Path file, IOException e) {
    if (e instanceof NoSuchFileException) {
      return new BadInputException(file, "there is no such file", "check the path", e);
    }
    if (e instanceof AccessDeniedException) {
      return new BadInputException(file, "it may not be read", "change its permissions", e);
    }
    return new FaultException(
        file,
        "reading failed (" + Shown.of(String.valueOf(e.getMessage())) + ")",
        "check the disk",
        e);
  }

  private static void requireRegular(Path file) {
    if (!Files.exists(file)) {
      throw new BadInputException(
          file, "there is no such file", "check that the checkpoint is complete");
    }
    if (!Files.isRegularFile(file)) {
      throw new BadInputException(file, "it is not a regular file", "give a file");
    }
  }
}
