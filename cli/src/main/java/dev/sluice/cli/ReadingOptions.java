package dev.sluice.cli;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.store.Store;
import java.util.Locale;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** How weights are read and how many threads compute, shared by the verbs that run a model. */
final class ReadingOptions {
  @Option(
      names = "--io",
      paramLabel = "BACKEND",
      defaultValue = "auto",
      description = "How to read: auto (io_uring, else pread), io_uring, pread, channel (Java's FileChannel), or mmap (the control). "
          + "Default: ${DEFAULT-VALUE}.")
  private String io;

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads that compute. Default: the processors this process may use.")
  private Integer threads;

  Backend backend() {
    return switch (io.toLowerCase(Locale.ROOT)) {
      case "auto" -> Backend.AUTO;
      case "io_uring" -> Backend.IO_URING;
      case "pread" -> Backend.PREAD;
      case "channel" -> Backend.CHANNEL;
      case "mmap" -> Backend.MMAP;
      default -> throw new BadInputException("--io " + io, "there is no such backend",
          "use auto, io_uring, pread, channel or mmap");
    };
  }

  /** Opens readers on a store's bundles. */
  Supplier<BlockReader> readers(Store store) {
    Backend backend = backend();
    return () -> BlockReaders.open(store.ffn().file(), backend);
  }

  int threads() {
    int count = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    if (count < 1 || count > 256) {
      throw new BadInputException("--threads " + count, "is not possible",
          "give a number from 1 to 256");
    }
    return count;
  }

  Workers workers() {
    return new Workers(threads());
  }
}
