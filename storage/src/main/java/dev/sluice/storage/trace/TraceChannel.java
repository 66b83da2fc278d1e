package dev.sluice.storage.trace;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** A file with whole reads and whole writes at a position, and I/O errors told as one line. */
final class TraceChannel implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  private TraceChannel(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  static TraceChannel open(Path file, OpenOption... options) {
    try {
      return new TraceChannel(file, FileChannel.open(file, options));
    } catch (NoSuchFileException e) {
      throw new BadInputException(file, "does not exist", "check the path", e);
    } catch (IOException e) {
      throw fault(file, "open", e);
    }
  }

  FileChannel channel() {
    return channel;
  }

  Path file() {
    return file;
  }

  long size() {
    try {
      return channel.size();
    } catch (IOException e) {
      throw fault(file, "size", e);
    }
  }

  /** Reads exactly {@code length} bytes, whose presence the caller has checked against {@link #size()}. */
  void read(long offset, byte[] target, int length) {
    try {
      ByteBuffer buffer = ByteBuffer.wrap(target, 0, length);
      long at = offset;
      while (buffer.hasRemaining()) {
        int read = channel.read(buffer, at);
        if (read < 0) {
          throw new BadInputException(file, "ends at byte " + at,
              "it became shorter while it was read");
        }
        at += read;
      }
    } catch (IOException e) {
      throw fault(file, "read at byte " + offset, e);
    }
  }

  void write(long offset, byte[] source, int length) {
    try {
      ByteBuffer buffer = ByteBuffer.wrap(source, 0, length);
      long at = offset;
      while (buffer.hasRemaining()) {
        at += channel.write(buffer, at);
      }
    } catch (IOException e) {
      throw fault(file, "write at byte " + offset, e);
    }
  }

  void truncate(long size) {
    try {
      channel.truncate(size);
    } catch (IOException e) {
      throw fault(file, "cut to " + size + " bytes", e);
    }
  }

  void force() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw fault(file, "fsync", e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw fault(file, "close", e);
    }
  }

  /** Renames a file within its folder, replacing what has that name, and makes the name durable. */
  static void publish(Path from, Path to) {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      throw new FaultException(to, "the file system cannot rename atomically", "use another folder",
          e);
    } catch (IOException e) {
      throw fault(to, "rename", e);
    }
    forceFolder(to);
  }

  static void forceFolder(Path file) {
    try (FileChannel folder =
        FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      folder.force(true);
    } catch (IOException e) {
      throw fault(file.toAbsolutePath().getParent(), "fsync", e);
    }
  }

  static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw fault(file, "delete", e);
    }
  }

  static FaultException fault(Path file, String doing, IOException origin) {
    String reason = FaultException.reason(origin);
    String action =
        reason.contains("No space left")
            ? "free some space and run it again: a trace resumes where it stopped"
            : "check the device and the permissions";
    return new FaultException(file, doing + " failed: " + reason, action, origin);
  }
}
