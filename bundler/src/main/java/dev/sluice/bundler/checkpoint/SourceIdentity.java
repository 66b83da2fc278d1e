package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.InputFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;

/**
 * What tells a checkpoint from every other, and from an earlier state of itself, without reading its weights: name, size,
 * time of last change and header of each of its files. Used once, by one thread.
 */
final class SourceIdentity {
  private final MessageDigest sha256;

  SourceIdentity() {
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /**
   * @param content digest of the header, or of the whole file
   */
  SourceIdentity add(Path file, String content) {
    try {
      String state =
          String.join(
              "\n",
              file.getFileName().toString(),
              Long.toString(Files.size(file)),
              Long.toString(Files.getLastModifiedTime(file).to(TimeUnit.NANOSECONDS)),
              content);
      sha256.update((state + "\n\n").getBytes(StandardCharsets.UTF_8));
      return this;
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    }
  }

  /** SHA-256 of what was added, in hexadecimal. */
  String digest() {
    return HexFormat.of().formatHex(sha256.digest());
  }
}
