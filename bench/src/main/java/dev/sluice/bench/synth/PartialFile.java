package dev.sluice.bench.synth;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Existing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file that appears under its name only when it is whole: written as {@code .NAME.PID.tmp} beside it, flushed, then
 * given the name in one step. The temporary file goes away on {@link #close}, on Ctrl-C, or, after a kill, when the next
 * writer of the same target finds that its process is dead. {@link #write} is thread-safe.
 */
final class PartialFile implements AutoCloseable {
  private final Path target;
  private final Existing existing;
  private final Path partial;
  private final FileChannel channel;
  private final Thread hook = new Thread(this::delete, "sluice-partial-cleanup");

  private PartialFile(Path target, Existing existing, Path partial, FileChannel channel) {
    this.target = target;
    this.existing = existing;
    this.partial = partial;
    this.channel = channel;
  }

  /**
   * Begins the file.
   *
   * @param neededBytes refused if the file system has less
   * @throws BadInputException if the target exists and may not be replaced, or is a folder
   * @throws FaultException if the folder cannot be written or has no room
   */
  static PartialFile create(Path requested, Existing existing, long neededBytes) {
    Path target = requested.toAbsolutePath().normalize();
    if (Files.isDirectory(target)) {
      throw new BadInputException(requested, "is a folder", "give the name of a file");
    }
    if (existing == Existing.REFUSE && Files.exists(target)) {
      throw alreadyThere(target);
    }
    Path folder = target.getParent();
    try {
      removeLeftovers(folder, target.getFileName().toString());
      long available = Files.getFileStore(folder).getUsableSpace();
      if (available < neededBytes) {
        throw new FaultException(
            folder,
            "the file needs " + Math.ceilDiv(neededBytes, 1_000_000L) + " MB and "
                + available / 1_000_000 + " MB are available",
            "free some space or choose another folder");
      }
      Path partial =
          folder.resolve("." + target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
      FileChannel channel =
          FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE,
              StandardOpenOption.READ);
      PartialFile file = new PartialFile(target, existing, partial, channel);
      Runtime.getRuntime().addShutdownHook(file.hook);
      return file;
    } catch (IOException e) {
      throw new FaultException(folder, "cannot be written (" + FaultException.reason(e) + ")",
          "choose another folder", e);
    }
  }

  /** Writes all of a buffer at an offset. */
  void write(ByteBuffer bytes, long offset) {
    try {
      long at = offset;
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw new FaultException(
          target, "cannot be written (" + FaultException.reason(e) + ")",
          "see to the disk and start again", e);
    }
  }

  /** Makes the file visible under its name and durable. Called once, when all is written. */
  void publish() {
    try {
      channel.force(true);
      giveName();
      try (FileChannel folder = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
        folder.force(true);
      }
    } catch (IOException e) {
      throw new FaultException(
          target, "cannot be finished (" + FaultException.reason(e) + ")",
          "see to the disk and start again", e);
    }
  }

  private void giveName() throws IOException {
    if (existing == Existing.REFUSE) {
      try {
        Files.createLink(target, partial); // unlike a rename it never replaces
        Files.delete(partial);
        return;
      } catch (FileAlreadyExistsException e) {
        throw alreadyThere(target);
      } catch (UnsupportedOperationException | FileSystemException e) {
        if (Files.exists(target)) { // no links here: look, then rename
          throw alreadyThere(target);
        }
      }
    }
    Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
  }

  private static BadInputException alreadyThere(Path target) {
    return new BadInputException(
        target, "already exists", "pass --force to replace it, or choose another name");
  }

  private static void removeLeftovers(Path folder, String name) throws IOException {
    Pattern pattern = Pattern.compile("\\." + Pattern.quote(name) + "\\.([0-9]{1,10})\\.tmp");
    try (DirectoryStream<Path> siblings = Files.newDirectoryStream(folder)) {
      for (Path sibling : siblings) {
        Matcher matcher = pattern.matcher(sibling.getFileName().toString());
        if (matcher.matches()
            && ProcessHandle.of(Long.parseLong(matcher.group(1)))
                .filter(ProcessHandle::isAlive).isEmpty()) {
          Files.deleteIfExists(sibling);
        }
      }
    }
  }

  private void delete() {
    try {
      Files.deleteIfExists(partial);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Lets go of the file, and deletes it unless it was published. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    delete();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      delete(); // already shutting down: the hook does the same
    }
  }
}
