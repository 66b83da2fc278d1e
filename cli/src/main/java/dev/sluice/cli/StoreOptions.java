package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where and how a new store is written, shared by import and bundle. */
final class StoreOptions {
  /** As the store format allows. */
  private static final int MAX_STRIDE_BYTES = 1 << 24;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "STORE",
      description = "The store to make, a folder that is usually called NAME.sluice. It appears only when it is complete.")
  private Path target;

  @Option(
      names = "--container",
      paramLabel = "KIND",
      defaultValue = "file",
      description = "Where bundles lie: file (a plain file) or lmdb (values of an LMDB file). Default: ${DEFAULT-VALUE}.")
  private String container;

  @Option(
      names = "--arrangement",
      paramLabel = "KIND",
      defaultValue = "bundled",
      description = "bundled (a neuron's rows and column side by side) or split (each kind in a region of its own, for "
          + "comparison). Default: ${DEFAULT-VALUE}.")
  private String arrangement;

  @Option(
      names = "--stride",
      paramLabel = "BYTES",
      defaultValue = "0",
      description = "Bytes from bundle to bundle, to pad them to the width they have in a larger model; 1 pads none; 0 pads as it pays: "
          + "bundle goes by the trace and the device's model (sluice probe), import, and bundle without a model, "
          + "pad those just below whole pages to them. Default: ${DEFAULT-VALUE}.")
  private int strideBytes;

  @Option(names = "--force",
      description = "Replace an existing store, at once and whole. Who has it open keeps the old one.")
  private boolean force;

  Path target() {
    return target;
  }

  StoreWriter.Options options() {
    Container where =
        switch (container) {
          case "file" -> Container.FILE;
          case "lmdb" -> Container.LMDB;
          default ->
              throw new BadInputException("--container " + container, "there is no such container",
                  "use file or lmdb");
        };
    Arrangement how =
        switch (arrangement) {
          case "bundled" -> Arrangement.BUNDLED;
          case "split" -> Arrangement.SPLIT;
          default ->
              throw new BadInputException(
                  "--arrangement " + arrangement, "there is no such arrangement",
                  "use bundled or split");
        };
    if (strideBytes < 0 || strideBytes > MAX_STRIDE_BYTES) {
      throw new BadInputException("--stride " + strideBytes, "is not possible",
          "give 0 to " + MAX_STRIDE_BYTES + " bytes");
    }
    return new StoreWriter.Options(where, how, strideBytes,
        force ? Existing.REPLACE : Existing.REFUSE);
  }
}
