package dev.sluice.storage.block;

import dev.sluice.storage.posix.Errno;
import dev.sluice.storage.posix.FileStatus;
import dev.sluice.storage.posix.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * Finds out whether a descriptor opened with {@code O_DIRECT} really reads directly. Some file
 * systems accept the flag and use the page cache all the same. So one block is read twice, and the
 * kernel's count of bytes that <em>this thread</em> fetched from storage ({@code read_bytes} of
 * {@code /proc/thread-self/io}; Documentation/filesystems/proc.rst) is taken around the second
 * read: a direct read counts again, a cached one does not. Costs two small reads, done once at
 * open, and not counted by the reader.
 */
final class DirectProbe {
  private static final Path THREAD_IO = Path.of("/proc/thread-self/io");
  private static final String READ_BYTES = "read_bytes: ";

  /**
   * Where the file system does not say what alignment it wants, a page serves every disk we know
   * of.
   */
  private static final int FALLBACK_ALIGNMENT_BYTES = 4096;

  private static final int MAX_ALIGNMENT_BYTES = 1 << 20;

  sealed interface Verdict permits Direct, Buffered {}

  record Direct(int alignmentBytes) implements Verdict {}

  record Buffered(String reason) implements Verdict {}

  private DirectProbe() {}

  static Verdict run(int fd, FileStatus status) {
    int alignment =
        status.directIo() == FileStatus.DirectIo.ANSWERED
            ? status.directAlignmentBytes()
            : FALLBACK_ALIGNMENT_BYTES;
    if (Integer.bitCount(alignment) != 1 || alignment > MAX_ALIGNMENT_BYTES) {
      return new Buffered("direct reads would need an alignment of " + alignment + " bytes");
    }
    // Holes and unwritten extents read nothing from the device, so the probe needs a place that
    // holds data.
    long data = Libc.lseek(fd, 0, Libc.SEEK_DATA);
    if (status.sizeBytes() == 0 || data == -Errno.ENXIO) {
      return new Direct(alignment);
    }
    long block = data < 0 ? 0 : data & -alignment;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(alignment, alignment);
      long first = Libc.pread(fd, buffer.address(), alignment, block);
      if (first < 0) {
        return new Buffered("a direct read fails: " + Errno.text((int) -first));
      }
      OptionalLong before = bytesFromStorage();
      Libc.pread(fd, buffer.address(), alignment, block);
      OptionalLong after = bytesFromStorage();
      boolean cached =
          before.isPresent() && after.isPresent() && after.getAsLong() == before.getAsLong();
      return cached
          ? new Buffered("the file system takes O_DIRECT but does not read from a disk directly")
          : new Direct(alignment);
    }
  }

  /** Empty where the kernel does not keep or show this account. */
  private static OptionalLong bytesFromStorage() {
    try {
      for (String line : Files.readAllLines(THREAD_IO)) {
        if (line.startsWith(READ_BYTES)) {
          return OptionalLong.of(Long.parseLong(line.substring(READ_BYTES.length()).strip()));
        }
      }
      return OptionalLong.empty();
    } catch (IOException | NumberFormatException e) {
      return OptionalLong.empty();
    }
  }
}
