package dev.sluice.cli;

import dev.sluice.storage.FaultException;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Standard output in UTF-8 that remembers why a write failed; {@link PrintWriter} only knows that one did. Used by one
 * thread.
 */
final class StandardOutput extends OutputStream {
  /** As of a process that SIGPIPE ended, which is what happens to other programs then; the JVM ignores that signal. */
  static final int EXIT_READER_GONE = 141;

  private static final int EXIT_FAILURE = 1;

  private final OutputStream out;
  private final PrintWriter writer;
  private IOException failure;

  StandardOutput(OutputStream out) {
    this.out = out;
    this.writer =
        new PrintWriter(
            new OutputStreamWriter(new BufferedOutputStream(this), StandardCharsets.UTF_8));
  }

  static StandardOutput ofProcess() {
    return new StandardOutput(new FileOutputStream(FileDescriptor.out));
  }

  PrintWriter writer() {
    return writer;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    try {
      out.write(bytes, offset, length);
    } catch (IOException e) {
      failure = failure == null ? e : failure;
      throw e;
    }
  }

  @Override
  public void flush() throws IOException {
    out.flush();
  }

  /**
   * Writes what is buffered and says how the process ends.
   *
   * @param exit of the verb; kept if it is a failure or all output was written
   * @param fault hears why output was lost, if the one who reads it is still there
   */
  int finish(int exit, Consumer<FaultException> fault) {
    writer.flush();
    if (failure == null || exit != 0) {
      return exit;
    }
    String reason = Optional.ofNullable(failure.getMessage()).orElse("");
    if (reason.contains("Broken pipe")) {
      return EXIT_READER_GONE;
    }
    fault.accept(
        new FaultException(
            "standard output", "cannot be written (" + FaultException.reason(failure) + ")",
            "free some space or send it elsewhere", failure));
    return EXIT_FAILURE;
  }
}
