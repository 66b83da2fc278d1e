package dev.sluice.storage.block;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.posix.SystemCallException;
import java.nio.file.Path;

/** Opens block readers. Thread-safe. */
public final class BlockReaders {
  private static final int MOST_IN_FLIGHT = 4096;
  private static final int MOST_THREADS = 256;

  private BlockReaders() {}

  /**
   * Opens {@code file} for reading. Works on read-only mounts and as an ordinary user. Where the
   * file system has no direct reads, the reader is {@link Access#BUFFERED} and {@link
   * BlockReader#describe} says why.
   *
   * @param preferred a backend, or AUTO for the first that works: io_uring, then pread
   * @throws BadInputException if the file cannot be read, or the named backend does not work here
   */
  public static BlockReader open(Path file, Backend preferred) {
    return open(file, preferred, IoUringBlockReader.Depth.DEFAULT);
  }

  /**
   * The same with a given number of reads in flight; {@code mmap} has one whatever is asked for.
   *
   * @param inFlight 1 to 4096; with pread, of which each takes a thread, at most 256
   */
  public static BlockReader open(Path file, Backend preferred, int inFlight) {
    if (inFlight < 1 || inFlight > MOST_IN_FLIGHT) {
      throw new IllegalArgumentException(inFlight + " reads in flight");
    }
    if (preferred == Backend.PREAD) {
      return PreadBlockReader.open(file, Math.min(inFlight, MOST_THREADS), "");
    }
    if (preferred == Backend.CHANNEL) {
      return PreadBlockReader.openChannel(file, Math.min(inFlight, MOST_THREADS));
    }
    return open(file, preferred, new IoUringBlockReader.Depth(inFlight, inFlight));
  }

  static BlockReader open(Path file, Backend preferred, IoUringBlockReader.Depth depth) {
    return switch (preferred) {
      case PREAD -> PreadBlockReader.open(file, PreadBlockReader.DEFAULT_THREADS, "");
      case CHANNEL -> PreadBlockReader.openChannel(file, PreadBlockReader.DEFAULT_THREADS);
      case MMAP -> MmapBlockReader.open(file);
      case IO_URING -> {
        try {
          yield IoUringBlockReader.open(file, depth);
        } catch (SystemCallException e) {
          throw IoUringBlockReader.unavailable(file, e);
        }
      }
      case AUTO -> {
        try {
          yield IoUringBlockReader.open(file, depth);
        } catch (SystemCallException e) {
          yield PreadBlockReader.open(
              file,
              PreadBlockReader.DEFAULT_THREADS,
              "; io_uring does not work here (" + e.getMessage() + ")");
        }
      }
    };
  }
}
