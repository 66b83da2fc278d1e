package dev.sluice.storage.block;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Errno;
import dev.sluice.storage.posix.FileStatus;
import dev.sluice.storage.posix.Libc;
import dev.sluice.storage.posix.OpenFlag;
import dev.sluice.storage.posix.SystemCallException;
import java.nio.file.Path;

/**
 * The open file behind a reader: its descriptor, size, alignment and how it is really accessed.
 * Immutable after open except for {@link #close}; the checks are thread-safe.
 */
final class SourceFile implements AutoCloseable {
  /**
   * The file's last page may always be read whole: pages are the unit of checksums, whatever the
   * disk's alignment.
   */
  static final int PAGE_BYTES = 4096;

  enum Opening {
    DIRECT_IF_POSSIBLE,
    BUFFERED
  }

  private final Path path;
  private final int fd;
  private final long sizeBytes;
  private final int alignmentBytes;
  private final Access access;
  private final String whyBuffered;

  private SourceFile(
      Path path, int fd, long sizeBytes, int alignmentBytes, Access access, String whyBuffered) {
    this.path = path;
    this.fd = fd;
    this.sizeBytes = sizeBytes;
    this.alignmentBytes = alignmentBytes;
    this.access = access;
    this.whyBuffered = whyBuffered;
  }

  /**
   * Opens a regular file for reading.
   *
   * @throws BadInputException if it is missing, not readable or not a regular file
   */
  static SourceFile open(Path path, Opening opening) {
    try {
      FileStatus status = FileStatus.of(path);
      if (status.kind() != FileStatus.Kind.REGULAR) {
        throw new BadInputException(path, "not a regular file", "name a file on a disk");
      }
      if (opening == Opening.BUFFERED) {
        return buffered(path, "asked for");
      }
      if (status.directIo() == FileStatus.DirectIo.ANSWERED && status.directAlignmentBytes() == 0) {
        return buffered(path, "the file system has no direct reads for this file");
      }
      int flags = OpenFlag.O_RDONLY | OpenFlag.O_CLOEXEC | OpenFlag.O_DIRECT;
      int fd = Libc.open(path.toString(), flags);
      if (fd == -Errno.EINVAL) {
        return buffered(path, "the file system refuses direct reads");
      }
      if (fd < 0) {
        throw new SystemCallException("open", -fd);
      }
      DirectProbe.Verdict verdict;
      try {
        status = FileStatus.of(fd);
        verdict = DirectProbe.run(fd, status);
      } catch (SystemCallException | RuntimeException | Error e) {
        Libc.close(fd);
        throw e;
      }
      return switch (verdict) {
        case DirectProbe.Direct direct ->
            new SourceFile(
                path, fd, status.sizeBytes(), direct.alignmentBytes(), Access.DIRECT, "");
        case DirectProbe.Buffered why -> {
          Libc.close(fd);
          yield buffered(path, why.reason());
        }
      };
    } catch (SystemCallException e) {
      throw new BadInputException(
          path, "cannot be opened: " + e.getMessage(), "check the path and its permissions", e);
    }
  }

  private static SourceFile buffered(Path path, String why) throws SystemCallException {
    int fd = Libc.open(path.toString(), OpenFlag.O_RDONLY | OpenFlag.O_CLOEXEC);
    if (fd < 0) {
      throw new SystemCallException("open", -fd);
    }
    try {
      return new SourceFile(path, fd, FileStatus.of(fd).sizeBytes(), 1, Access.BUFFERED, why);
    } catch (SystemCallException e) {
      Libc.close(fd);
      throw e;
    }
  }

  /** The same open file, of which direct reads are asked in larger units; closing one closes both. */
  SourceFile alignedTo(int bytes) {
    return new SourceFile(path, fd, sizeBytes, Math.max(alignmentBytes, bytes), access,
        whyBuffered);
  }

  Path path() {
    return path;
  }

  int fd() {
    return fd;
  }

  long sizeBytes() {
    return sizeBytes;
  }

  int alignmentBytes() {
    return alignmentBytes;
  }

  Access access() {
    return access;
  }

  /** For {@link BlockReader#describe}. */
  String describe() {
    return access == Access.DIRECT
        ? "direct reads aligned to " + alignmentBytes + " bytes"
        : "buffered reads (" + whyBuffered + ")";
  }

  /**
   * @throws IllegalArgumentException if a request lies outside the file or is not aligned
   */
  void check(ReadBatch batch) {
    check(path, sizeBytes, alignmentBytes, batch);
  }

  /** The rule of {@link BlockReader} for requests, for a file of {@code sizeBytes}. */
  static void check(Object file, long sizeBytes, int alignmentBytes, ReadBatch batch) {
    long end = Math.ceilDiv(sizeBytes, PAGE_BYTES) * PAGE_BYTES;
    long misaligned = alignmentBytes - 1L;
    for (int i = 0; i < batch.size(); i++) {
      long offset = batch.fileOffsetBytes(i);
      int length = batch.lengthBytes(i);
      if (offset >= sizeBytes || offset > end - length) {
        throw new IllegalArgumentException(
            file + ": " + range(offset, length) + " lies outside its " + sizeBytes + " bytes");
      }
      if (((offset | length | batch.targetAddress(i)) & misaligned) != 0) {
        throw new IllegalArgumentException(
            file
                + ": "
                + range(offset, length)
                + " into memory at 0x"
                + Long.toHexString(batch.targetAddress(i))
                + " is not aligned to "
                + alignmentBytes
                + " bytes");
      }
    }
  }

  /** Bytes of a request that lie inside the file: what must arrive for it to be complete. */
  int expectedBytes(long offsetBytes, int lengthBytes) {
    return (int) Math.min(lengthBytes, sizeBytes - offsetBytes);
  }

  FaultException failed(long offsetBytes, int lengthBytes, String cause) {
    return new FaultException(
        path + " at byte " + offsetBytes,
        "reading " + lengthBytes + " bytes failed: " + cause,
        "check the disk (dmesg) or restore the file from a copy");
  }

  FaultException shorter(long offsetBytes, int lengthBytes) {
    return new FaultException(
        path + " at byte " + offsetBytes,
        "file is shorter than the "
            + sizeBytes
            + " bytes it had when opened, so "
            + lengthBytes
            + " bytes cannot be read",
        "do not change a store in use; restore the file from a copy");
  }

  private static String range(long offsetBytes, int lengthBytes) {
    return "a request of " + lengthBytes + " bytes at byte " + offsetBytes;
  }

  /** Closes the descriptor; the owner calls it once. */
  @Override
  public void close() {
    Libc.close(fd);
  }
}
