package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** In which forms a verb that measures for minutes gives its figures. */
final class ReportOptions {
  @Option(names = "--html", paramLabel = "FILE",
      description = "Also write the report as one HTML file.")
  private Path html;

  @Option(names = "--json", description = "Print one JSON object instead of tables.")
  private boolean json;

  Optional<Path> html() {
    return Optional.ofNullable(html);
  }

  boolean wantsJson() {
    return json;
  }

  /** Before minutes of work, not after them. */
  void requireWritable() {
    requireWritable(html);
  }

  /**
   * The same for any file that will be written after long work.
   *
   * @param file null if none will be
   */
  static void requireWritable(Path file) {
    if (file == null) {
      return;
    }
    Path above = file.toAbsolutePath().getParent();
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new BadInputException(file, "is no regular file", "name another file for the report");
    }
    if (above == null || !Files.isWritable(above)) {
      throw new BadInputException(file, "its folder does not exist or may not be written to",
          "name a file elsewhere");
    }
  }

  /** @param file null to write nothing */
  static void write(Path file, String text) {
    if (file == null) {
      return;
    }
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new FaultException(file, "cannot be written (" + FaultException.reason(e) + ")",
          "check the folder and its free space", e);
    }
  }
}
