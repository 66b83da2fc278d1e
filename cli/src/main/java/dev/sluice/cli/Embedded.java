package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The models and texts that come with Sluice, found through the launcher. */
final class Embedded {
  private static final String HOME = "sluice.home";

  private Embedded() {}

  /** A file or folder under {@code models/}. */
  static Path model(String name) {
    String home = System.getProperty(HOME);
    Path path = Path.of(home == null ? "." : home, "models", name);
    if (!Files.exists(path)) {
      throw new BadInputException(path, "it is not there",
          "start Sluice by its launcher ./sluice, or name a file");
    }
    return path;
  }

  /** The launcher itself, to start Sluice again as a process of its own. */
  static Path launcher() {
    String home = System.getProperty(HOME);
    Path path = Path.of(home == null ? "." : home, "sluice").toAbsolutePath().normalize();
    if (!Files.isExecutable(path)) {
      throw new BadInputException(path, "it is not there", "start Sluice by its launcher ./sluice");
    }
    return path;
  }
}
