package dev.sluice.storage.posix;

import java.util.Map;

/**
 * Error numbers of Linux, from {@code include/uapi/asm-generic/errno-base.h} and {@code errno.h};
 * the same on x86_64 and aarch64. Calls of {@link Libc} return them negated.
 */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int ENXIO = 6;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENOTDIR = 20;
  public static final int EINVAL = 22;
  public static final int ENFILE = 23;
  public static final int EMFILE = 24;
  public static final int ENOSPC = 28;
  public static final int EROFS = 30;
  public static final int ENOSYS = 38;
  public static final int EOVERFLOW = 75;
  public static final int EOPNOTSUPP = 95;
  public static final int ETIMEDOUT = 110;
  public static final int ECANCELED = 125;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(EPERM, "EPERM"),
          Map.entry(ENOENT, "ENOENT"),
          Map.entry(EINTR, "EINTR"),
          Map.entry(EIO, "EIO"),
          Map.entry(ENXIO, "ENXIO"),
          Map.entry(EBADF, "EBADF"),
          Map.entry(EAGAIN, "EAGAIN"),
          Map.entry(ENOMEM, "ENOMEM"),
          Map.entry(EACCES, "EACCES"),
          Map.entry(EFAULT, "EFAULT"),
          Map.entry(EBUSY, "EBUSY"),
          Map.entry(EEXIST, "EEXIST"),
          Map.entry(ENOTDIR, "ENOTDIR"),
          Map.entry(EINVAL, "EINVAL"),
          Map.entry(ENFILE, "ENFILE"),
          Map.entry(EMFILE, "EMFILE"),
          Map.entry(ENOSPC, "ENOSPC"),
          Map.entry(EROFS, "EROFS"),
          Map.entry(ENOSYS, "ENOSYS"),
          Map.entry(EOVERFLOW, "EOVERFLOW"),
          Map.entry(EOPNOTSUPP, "EOPNOTSUPP"),
          Map.entry(ETIMEDOUT, "ETIMEDOUT"),
          Map.entry(ECANCELED, "ECANCELED"));

  private static final int LARGEST = 133;

  private Errno() {}

  /** The number whose text this is, as the JDK's exceptions carry it; EIO for any other text. */
  public static int ofText(String text) {
    for (int errno = 1; errno <= LARGEST; errno++) {
      if (Libc.strerror(errno).equals(text)) {
        return errno;
      }
    }
    return EIO;
  }

  /** The system's text and the symbol or number, for example {@code Input/output error (EIO)}. */
  public static String text(int errno) {
    return Libc.strerror(errno) + " (" + NAMES.getOrDefault(errno, "errno " + errno) + ")";
  }
}
