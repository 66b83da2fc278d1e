package dev.sluice.cli;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Logits as raw little-endian float32. A file appears when it is complete, and replaces what was there; until then it lies
 * beside the target and goes away on failure and on Ctrl-C. A device or pipe is written to directly. Used by one thread.
 */
final class LogitsFile implements AutoCloseable {
  private final Path target;
  private final Path written;
  private final OutputStream out;
  private final Thread hook = new Thread(this::removeOnExit, "sluice-logits-cleanup");

  private LogitsFile(Path target, Path written, OutputStream out) {
    this.target = target;
    this.written = written;
    this.out = out;
  }

  static LogitsFile create(Path requested) {
    if (Files.isDirectory(requested)) {
      throw new BadInputException(requested, "is a folder", "name a file for the logits");
    }
    try {
      boolean there = Files.exists(requested);
      if (there && !Files.isRegularFile(requested)) {
        return new LogitsFile(
            requested, requested,
            buffered(Files.newOutputStream(requested, StandardOpenOption.WRITE)));
      }
      // The file behind a link is replaced, and not the link.
      Path target = there ? requested.toRealPath() : requested.toAbsolutePath();
      Path beside =
          target.resolveSibling(
              "." + target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
      LogitsFile file =
          new LogitsFile(target, beside, buffered(Files.newOutputStream(beside)));
      Runtime.getRuntime().addShutdownHook(file.hook);
      return file;
    } catch (IOException e) {
      throw new BadInputException(
          requested, "cannot be written (" + FaultException.reason(e) + ")",
          "name a file in a folder that you may write to", e);
    }
  }

  private static OutputStream buffered(OutputStream out) {
    return new BufferedOutputStream(out, 1 << 16);
  }

  void write(float[] logits, int offset, int count) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(logits, offset, count);
    try {
      out.write(bytes.array());
    } catch (IOException e) {
      throw failed(e);
    }
  }

  /** Gives the file its name. */
  void publish() {
    try {
      out.close();
      if (isTemporary()) {
        Files.move(written, target, StandardCopyOption.ATOMIC_MOVE,
            StandardCopyOption.REPLACE_EXISTING);
      }
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private boolean isTemporary() {
    return !written.equals(target);
  }

  private FaultException failed(IOException e) {
    return new FaultException(target, "cannot be written (" + FaultException.reason(e) + ")",
        "free some space or name another file", e);
  }

  @Override
  public void close() throws IOException {
    try {
      out.close();
    } finally {
      if (isTemporary()) {
        Files.deleteIfExists(written);
        dropHook();
      }
    }
  }

  private void removeOnExit() {
    try {
      Files.deleteIfExists(written);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private void dropHook() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // Already shutting down: the hook finds nothing left to delete.
      return;
    }
  }
}
