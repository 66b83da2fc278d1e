package dev.sluice.storage;

/**
 * A file, flag or text that a user gave cannot be used. The message is one line: where, what is wrong, what to do.
 * The command line prints it and exits with 2.
 */
public final class BadInputException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param where the file or flag at fault
   * @param cause what is wrong with it, in one clause
   * @param action what the user can do about it, in one clause
   */
  public BadInputException(Object where, String cause, String action) {
    super(where + ": " + cause + "; " + action);
  }

  public BadInputException(Object where, String cause, String action, Throwable origin) {
    super(where + ": " + cause + "; " + action, origin);
  }
}
