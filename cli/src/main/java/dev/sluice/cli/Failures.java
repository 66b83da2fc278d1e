package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.util.Objects;
import picocli.CommandLine;

/** Whatever ended a verb, told in one line of standard error, and the exit code that goes with it. */
final class Failures {
  private static final int EXIT_FAILURE = 1;
  private static final int EXIT_BAD_INPUT = 2;

  private Failures() {}

  /**
   * Prints what happened, unless the process is being ended by a signal: then it is only an echo of that.
   *
   * @param line whose error stream is used
   * @param trace whether the place in the program is printed too
   * @return the exit code
   */
  static int report(Throwable e, CommandLine line, Trace trace) {
    if (!isShuttingDown()) {
      print(line, message(e));
      if (trace == Trace.SHOWN) {
        e.printStackTrace(line.getErr());
      }
    }
    return e instanceof BadInputException ? EXIT_BAD_INPUT : EXIT_FAILURE;
  }

  /** Whether stack traces are printed. */
  enum Trace {
    SHOWN,
    HIDDEN
  }

  /** One line: a file name or flag may hold line breaks and escape sequences, which a terminal would obey. */
  static void print(CommandLine line, String message) {
    StringBuilder shown = new StringBuilder("sluice: ");
    message.codePoints().forEach(
        c -> {
          if (Character.isISOControl(c)) {
            shown.append(String.format("\\u%04x", c));
          } else {
            shown.appendCodePoint(c);
          }
        });
    line.getErr().println(shown);
    line.getErr().flush();
  }

  private static String message(Throwable e) {
    return switch (e) {
      case BadInputException bad -> bad.getMessage();
      case FaultException fault -> fault.getMessage();
      case UncheckedIOException unchecked -> message(unchecked.getCause());
      case FileSystemException file ->
          Objects.requireNonNullElse(file.getFile(), "a file") + ": it cannot be used ("
              + FaultException.reason(file) + "); check the path and its permissions";
      case IOException io ->
          "input or output failed (" + FaultException.reason(io) + "); check disk and permissions";
      case OutOfMemoryError full ->
          "memory: there is not enough (" + full.getMessage()
              + "); close other programs, choose a smaller model or context, or for the Java heap set "
              + "SLUICE_JVM_OPTS=-Xmx4g";
      case InternalError fault ->
          "memory: a mapped file became shorter while it was read (" + fault.getMessage()
              + "); check the store with sluice verify";
      default ->
          "this is a fault in Sluice (" + e
              + "); run it again with --verbose and report what it prints";
    };
  }

  /** Hooks cannot be added any more once a shutdown has begun. */
  private static boolean isShuttingDown() {
    Thread probe = new Thread(() -> {});
    try {
      Runtime.getRuntime().addShutdownHook(probe);
      Runtime.getRuntime().removeShutdownHook(probe);
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
  }
}
