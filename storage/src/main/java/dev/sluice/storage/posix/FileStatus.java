package dev.sluice.storage.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;

/**
 * What {@code statx(2)} says about a file.
 *
 * @param kind what the path or descriptor stands for
 * @param sizeBytes the file's length
 * @param directIo whether the file system answered the question about direct reads at all (Linux
 *     6.1, {@code STATX_DIOALIGN})
 * @param directAlignmentBytes the alignment that offset, length and memory of a direct read need; 0
 *     with {@code directIo} ANSWERED means that the file cannot be read directly
 */
public record FileStatus(
    Kind kind, long sizeBytes, DirectIo directIo, int directAlignmentBytes) {

  public enum Kind {
    REGULAR,
    FOLDER,
    OTHER
  }

  public enum DirectIo {
    ANSWERED,
    UNKNOWN
  }

  /**
   * {@code struct statx}, {@code include/uapi/linux/stat.h}; 256 bytes, what we do not use is
   * padding here.
   */
  private static final StructLayout STATX =
      MemoryLayout.structLayout(
          JAVA_INT.withName("stx_mask"),
          MemoryLayout.paddingLayout(24),
          JAVA_SHORT.withName("stx_mode"),
          MemoryLayout.paddingLayout(10),
          JAVA_LONG.withName("stx_size"),
          MemoryLayout.paddingLayout(104),
          JAVA_INT.withName("stx_dio_mem_align"),
          JAVA_INT.withName("stx_dio_offset_align"),
          MemoryLayout.paddingLayout(96));

  private static final long MASK = offset("stx_mask");
  private static final long MODE = offset("stx_mode");
  private static final long SIZE = offset("stx_size");
  private static final long DIO_MEM_ALIGN = offset("stx_dio_mem_align");
  private static final long DIO_OFFSET_ALIGN = offset("stx_dio_offset_align");

  private static final int AT_FDCWD = -100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_TYPE = 0x1;
  private static final int STATX_SIZE = 0x200;
  private static final int STATX_DIOALIGN = 0x2000;
  private static final int S_IFMT = 0170000;
  private static final int S_IFDIR = 0040000;
  private static final int S_IFREG = 0100000;

  /** Of a path, following symbolic links; does not open it, so a pipe does not block. */
  public static FileStatus of(Path path) throws SystemCallException {
    return query(AT_FDCWD, path.toString(), 0);
  }

  /** Of an open descriptor. */
  public static FileStatus of(int fd) throws SystemCallException {
    return query(fd, "", AT_EMPTY_PATH);
  }

  private static FileStatus query(int folder, String path, int flags) throws SystemCallException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(STATX);
      int result =
          Libc.statx(
              folder,
              arena.allocateFrom(path),
              flags,
              STATX_TYPE | STATX_SIZE | STATX_DIOALIGN,
              status);
      if (result < 0) {
        throw new SystemCallException("statx", -result);
      }
      Kind kind =
          switch (status.get(JAVA_SHORT, MODE) & S_IFMT) {
            case S_IFREG -> Kind.REGULAR;
            case S_IFDIR -> Kind.FOLDER;
            default -> Kind.OTHER;
          };
      int offsetAlign = status.get(JAVA_INT, DIO_OFFSET_ALIGN);
      int alignment =
          offsetAlign == 0 ? 0 : Math.max(offsetAlign, status.get(JAVA_INT, DIO_MEM_ALIGN));
      DirectIo directIo =
          (status.get(JAVA_INT, MASK) & STATX_DIOALIGN) == 0
              ? DirectIo.UNKNOWN
              : DirectIo.ANSWERED;
      return new FileStatus(kind, status.get(JAVA_LONG, SIZE), directIo, alignment);
    }
  }

  private static long offset(String field) {
    return STATX.byteOffset(PathElement.groupElement(field));
  }
}
