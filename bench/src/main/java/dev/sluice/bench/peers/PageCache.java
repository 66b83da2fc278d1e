package dev.sluice.bench.peers;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Libc;
import dev.sluice.storage.posix.OpenFlag;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** Makes the kernel forget files, so that a run reads them from the device and its own group is charged for them. */
final class PageCache {
  private static final Path DROP = Path.of("/proc/sys/vm/drop_caches");

  private PageCache() {}

  /** How much could be dropped. */
  enum Dropped {
    EVERYTHING("page cache dropped before every run (drop_caches)"), MODEL_FILES(
        "page cache of the model's files dropped before every run; not that of anything else, which needs root");

    private final String description;

    Dropped(String description) {
      this.description = description;
    }

    @Override
    public String toString() {
      return description;
    }
  }

  /** @param models files, or folders whose files are meant */
  static Dropped drop(List<Path> models) {
    for (Path model : models) {
      try (Stream<Path> files = Files.walk(model)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          dropFile(file);
        }
      } catch (IOException e) {
        throw new FaultException(model, "cannot be read (" + FaultException.reason(e) + ")",
            "check the path", e);
      }
    }
    if (!Files.isWritable(DROP)) {
      return Dropped.MODEL_FILES;
    }
    try {
      Files.writeString(DROP, "3"); // 1: pages, 2: directory entries and the like
      return Dropped.EVERYTHING;
    } catch (IOException e) {
      return Dropped.MODEL_FILES;
    }
  }

  private static void dropFile(Path file) throws IOException {
    // Pages that are not on the device yet cannot be forgotten.
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      channel.force(true);
    }
    int descriptor = Libc.open(file.toString(), OpenFlag.O_RDONLY | OpenFlag.O_CLOEXEC);
    if (descriptor < 0) {
      throw new IOException("it cannot be opened");
    }
    int result = Libc.dropCachedPages(descriptor);
    Libc.close(descriptor);
    if (result < 0) {
      throw new IOException("its pages cannot be dropped");
    }
  }
}
