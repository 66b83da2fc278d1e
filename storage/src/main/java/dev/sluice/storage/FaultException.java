package dev.sluice.storage;

/**
 * The system failed a request that was in order: a device error, a full disk, a checksum that does not match. The
 * message is one line: where, what happened, what to do. The command line prints it and exits with 1.
 */
public final class FaultException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param where the file, and the place in it, that failed
   * @param cause what happened, in one clause
   * @param action what the user can do about it, in one clause
   */
  public FaultException(Object where, String cause, String action) {
    super(where + ": " + cause + "; " + action);
  }

  public FaultException(Object where, String cause, String action, Throwable origin) {
    super(where + ": " + cause + "; " + action, origin);
  }
}
