package dev.sluice.bench.peers;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Libc;
import dev.sluice.storage.posix.OpenFlag;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Makes the kernel forget files, so that a run reads them from the device and its own group is charged for them. */
final class PageCache {
  private static final Path DROP = Path.of("/proc/sys/vm/drop_caches");

  // cachestat(2), Linux 6.5: {offset, length} in, {cached, dirty, writeback, evicted, recently evicted} out, in pages.
  private static final long SYS_CACHESTAT = 451;
  private static final int RANGE_BYTES = 16;
  private static final int STAT_BYTES = 40;
  private static final long PAGE_BYTES = 4096;
  private static final double MOST_LEFT_SHARE = 0.01;
  private static final int ATTEMPTS = 5;
  private static final long PAUSE_MILLIS = 250;

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

  /**
   * @param models files, or folders whose files are meant
   * @throws FaultException if more than 1 % of them stays: pages that another process has mapped cannot be dropped, and a
   *     rival would use them although they are charged to somebody else
   */
  static Dropped drop(List<Path> models) {
    for (int attempt = 1;; attempt++) {
      Dropped dropped = dropOnce(models);
      Usage usage = usage(models);
      if (usage.cachedBytes() <= MOST_LEFT_SHARE * usage.bytes()) {
        return dropped;
      }
      if (attempt == ATTEMPTS) {
        throw new FaultException(models.getFirst(),
            String.format(Locale.ROOT,
                "%.2f of its %.2f GB stay in the page cache, outside the limit",
                usage.cachedBytes() / 1e9, usage.bytes() / 1e9),
            "end whatever else has the model's files open");
      }
      pause();
    }
  }

  /** Sizes of files, and what of them the page cache holds; nothing where the kernel cannot say. */
  private record Usage(long bytes, long cachedBytes) {}

  private static Usage usage(List<Path> models) {
    long bytes = 0;
    long cached = 0;
    for (Path model : models) {
      try (Stream<Path> files = Files.walk(model)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          bytes += Files.size(file);
          cached += cachedBytes(file);
        }
      } catch (IOException e) {
        throw new FaultException(model, "cannot be read (" + FaultException.reason(e) + ")",
            "check the path", e);
      }
    }
    return new Usage(bytes, cached);
  }

  static long cachedBytes(Path file) throws IOException {
    int descriptor = open(file);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment range = arena.allocate(RANGE_BYTES, Long.BYTES); // length 0: to the end
      MemorySegment stat = arena.allocate(STAT_BYTES, Long.BYTES);
      long result =
          Libc.syscall(SYS_CACHESTAT, descriptor, range.address(), stat.address(), 0, 0, 0);
      return result < 0 ? 0 : stat.get(ValueLayout.JAVA_LONG, 0) * PAGE_BYTES;
    } finally {
      Libc.close(descriptor);
    }
  }

  private static int open(Path file) throws IOException {
    int descriptor = Libc.open(file.toString(), OpenFlag.O_RDONLY | OpenFlag.O_CLOEXEC);
    if (descriptor < 0) {
      throw new IOException("it cannot be opened");
    }
    return descriptor;
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static Dropped dropOnce(List<Path> models) {
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
    int descriptor = open(file);
    int result = Libc.dropCachedPages(descriptor);
    Libc.close(descriptor);
    if (result < 0) {
      throw new IOException("its pages cannot be dropped");
    }
  }
}
