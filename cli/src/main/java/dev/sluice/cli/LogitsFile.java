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

/** Logits as raw little-endian float32; the file appears when it is complete. */
final class LogitsFile implements AutoCloseable {
  private final Path target;
  private final Path partial;
  private final OutputStream out;

  private LogitsFile(Path target, Path partial, OutputStream out) {
    this.target = target;
    this.partial = partial;
    this.out = out;
  }

  static LogitsFile create(Path target) {
    Path partial = target.resolveSibling(target.getFileName() + ".partial");
    try {
      return new LogitsFile(target, partial,
          new BufferedOutputStream(Files.newOutputStream(partial), 1 << 16));
    } catch (IOException e) {
      throw new BadInputException(target, "cannot be written (" + e + ")",
          "name a file in a folder that you may write to", e);
    }
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

  void publish() {
    try {
      out.close();
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private FaultException failed(IOException e) {
    return new FaultException(target, "cannot be written (" + e.getMessage() + ")",
        "free some space and try again", e);
  }

  @Override
  public void close() throws IOException {
    out.close();
    Files.deleteIfExists(partial);
  }
}
