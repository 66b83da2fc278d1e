package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** {@code -m STORE}, shared by every verb that runs a model. */
final class StoreOption {
  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "STORE",
      description = "The store to use: a NAME.sluice folder made by `sluice import` or `sluice bundle`.")
  private Path folder;

  Path folder() {
    return folder;
  }

  Store open() {
    if (Files.exists(folder.resolve("config.json"))) {
      throw new BadInputException(
          folder, "it is a checkpoint, not a store",
          "import it first: sluice import " + folder + " -o NAME.sluice");
    }
    return Store.open(folder);
  }
}
