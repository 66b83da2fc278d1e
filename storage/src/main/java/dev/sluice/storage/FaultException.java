package dev.sluice.storage;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

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

  /** Why the system refused, as a clause for {@code cause}: no class names, and no path, which {@code where} names. */
  public static String reason(IOException e) {
    return switch (e) {
      case AccessDeniedException denied -> "permission denied";
      case NoSuchFileException missing -> "there is no such file or folder";
      case NotDirectoryException file -> "it is not a folder";
      case FileAlreadyExistsException there -> "it exists already";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> e.getMessage() == null ? "no reason given" : e.getMessage();
    };
  }
}
