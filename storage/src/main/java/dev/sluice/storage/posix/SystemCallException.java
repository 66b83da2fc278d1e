package dev.sluice.storage.posix;

/**
 * A system call failed while something was being set up; the caller decides whether that is a fault
 * or a fallback.
 */
public final class SystemCallException extends Exception {
  private static final long serialVersionUID = 1;

  private final int errno;

  /**
   * @param call the call's name, such as {@code io_uring_setup}
   * @param errno the positive error number
   */
  public SystemCallException(String call, int errno) {
    super(call + ": " + Errno.text(errno));
    this.errno = errno;
  }

  public int errno() {
    return errno;
  }
}
