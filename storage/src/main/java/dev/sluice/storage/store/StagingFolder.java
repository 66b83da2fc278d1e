package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lmdbjava.LmdbException;

/**
 * A folder {@code .NAME.sluice.PID-RANDOM.tmp} beside the target, in which a store is built until it is whole. It goes
 * away on {@link #remove}, on Ctrl-C (shutdown hook), or, after a kill, when the next writer of the same target finds
 * that its process is dead, unless that one can use it and makes it its own. Ids of processes in other PID namespaces cannot be seen: do not write one target from two
 * containers at once.
 */
final class StagingFolder {
  /** Everything that a store can hold; a folder with anything else is not ours to delete. */
  private static final Set<String> STORE_FILES =
      Set.of(
          StoreFormat.MANIFEST,
          StoreFormat.CATALOG,
          StoreFormat.DENSE,
          StoreFormat.ffnFile(Container.FILE),
          StoreFormat.ffnFile(Container.LMDB));

  private static final int EXIT_ATTEMPTS = 20;
  private static final long NEARLY_FULL_BYTES = 1 << 16;

  private final Path target;
  private final Existing existing;
  private final Path folder;
  private final Origin origin;
  private final Thread hook;
  private boolean finished; // guarded by this

  /** Where a folder comes from. */
  enum Origin {
    /** Made, and empty. */
    NEW,
    /** A dead writer's, with what it had written. */
    ADOPTED
  }

  private StagingFolder(Path target, Existing existing, Path folder, Origin origin) {
    this.target = target;
    this.existing = existing;
    this.folder = folder;
    this.origin = origin;
    this.hook = new Thread(this::removeOnExit, "sluice-staging-cleanup");
  }

  /**
   * Clears leftovers of dead writers and makes the folder.
   *
   * @param neededBytes refused if the file system has less
   */
  static StagingFolder create(Path requested, Existing existing, long neededBytes) {
    return createOrAdopt(requested, existing, neededBytes, leftover -> false);
  }

  /**
   * Takes over what a dead writer of the same target left, or makes the folder; clears all other such leftovers.
   *
   * @param neededBytes refused if the file system has less beside what is taken over
   * @param usable asked about each leftover
   */
  static StagingFolder createOrAdopt(
      Path requested, Existing existing, long neededBytes, Predicate<Path> usable) {
    Path target = resolve(requested);
    checkTarget(target, existing);
    try {
      Path folder = target.resolveSibling(temporaryName(target));
      Origin origin = takeOver(target, folder, usable);
      checkSpace(target.getParent(), neededBytes - contentBytes(folder));
      StagingFolder staging = new StagingFolder(target, existing, folder, origin);
      if (origin == Origin.NEW) {
        Files.createDirectory(folder);
      }
      Runtime.getRuntime().addShutdownHook(staging.hook);
      return staging;
    } catch (IOException e) {
      throw new FaultException(
          target.getParent(), "cannot be written (" + FaultException.reason(e) + ")",
          "free some space or choose another folder", e);
    }
  }

  Origin origin() {
    return origin;
  }

  /** Deletes whatever the folder holds. */
  void empty() throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }

  Path target() {
    return target;
  }

  Path folder() {
    return folder;
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  /** Makes the finished folder visible under the target's name; its files are flushed already. */
  synchronized void publish() throws IOException {
    if (finished) {
      throw new IllegalStateException("already published or removed");
    }
    flushFolder(folder);
    boolean exchanged = rename();
    finished = true;
    flushFolder(target.getParent());
    if (exchanged) {
      removeOldStore();
    }
    dropHook();
  }

  /** After an exchange the old store has our temporary name. If we die before this, the next writer clears it. */
  private void removeOldStore() {
    try {
      deleteFlat(folder);
    } catch (IOException e) {
      throw new FaultException(
          folder, "holds the old store and cannot be deleted (" + FaultException.reason(e) + ")",
          "delete it by hand", e);
    }
  }

  /** Deletes the folder unless it was published. */
  synchronized void remove() throws IOException {
    if (!finished) {
      finished = true;
      deleteFlat(folder);
      dropHook();
    }
  }

  /** What went wrong while writing, in one line. */
  FaultException writeFault(Exception e) {
    String message = String.valueOf(e.getMessage());
    boolean full =
        message.contains("No space left")
            || message.contains("ENOSPC")
            || message.contains("Disk quota exceeded")
            || (e instanceof LmdbException && isNearlyFull());
    return full
        ? new FaultException(
            target.getParent(),
            "the disk is full; nothing was kept",
            "free some space or choose another folder",
            e)
        : new FaultException(
            target,
            "cannot be written ("
                + (e instanceof IOException io ? FaultException.reason(io) : message)
                + ")",
            "check the disk and permissions", e);
  }

  /** LMDB reports the short write of a disk that has just filled up as EIO. */
  private boolean isNearlyFull() {
    try {
      return Files.getFileStore(folder).getUsableSpace() < NEARLY_FULL_BYTES;
    } catch (IOException e) {
      return false;
    }
  }

  /** Returns whether the old store now lies in our folder. */
  private boolean rename() throws IOException {
    AtomicRename.Outcome outcome =
        AtomicRename.rename(folder, target, AtomicRename.Mode.NO_REPLACE);
    return switch (outcome) {
      case DONE -> false;
      case TARGET_EXISTS -> {
        checkTarget(target, existing);
        exchange();
        yield true;
      }
      case TARGET_MISSING ->
          throw new NoSuchFileException(folder.toString(), null, "the temporary folder is gone");
      case UNSUPPORTED -> {
        // Without the system call there is a gap between this look and the rename.
        checkTarget(target, Existing.REFUSE);
        Files.move(folder, target, StandardCopyOption.ATOMIC_MOVE);
        yield false;
      }
    };
  }

  private void exchange() throws IOException {
    AtomicRename.Outcome outcome = AtomicRename.rename(folder, target, AtomicRename.Mode.EXCHANGE);
    if (outcome != AtomicRename.Outcome.DONE) {
      throw new BadInputException(
          target,
          "cannot be replaced in one step on this file system (" + outcome + ")",
          "delete the old store first or choose another folder");
    }
  }

  private static Path resolve(Path requested) {
    Path absolute = requested.toAbsolutePath().normalize();
    if (absolute.getParent() == null || !Files.isDirectory(absolute.getParent())) {
      throw new BadInputException(
          requested, "the folder above it does not exist", "make it or choose another");
    }
    try {
      // A link is followed, so that the store behind it is exchanged and not the link.
      return Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)
          ? absolute.toRealPath()
          : absolute.getParent().toRealPath().resolve(absolute.getFileName());
    } catch (IOException e) {
      throw new BadInputException(requested, "cannot be resolved", "choose another folder", e);
    }
  }

  private static void checkTarget(Path target, Existing existing) {
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (existing == Existing.REFUSE) {
      throw new BadInputException(
          target, "already exists", "pass --force to replace it, or choose another folder");
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(target)) {
      for (Path file : files) {
        if (!STORE_FILES.contains(file.getFileName().toString()) || Files.isDirectory(file)) {
          throw new BadInputException(
              target, "is not a store (it holds " + file.getFileName() + ")",
              "choose another name");
        }
      }
    } catch (NotDirectoryException e) {
      throw new BadInputException(target, "is a file, not a store", "choose another name", e);
    } catch (IOException e) {
      throw new FaultException(target, "cannot be listed", "check its permissions", e);
    }
  }

  private static void checkSpace(Path parent, long neededBytes) throws IOException {
    long availableBytes = Files.getFileStore(parent).getUsableSpace();
    if (availableBytes < neededBytes) {
      throw new FaultException(
          parent,
          "the store needs about "
              + Math.ceilDiv(neededBytes, 1_000_000)
              + " MB and "
              + availableBytes / 1_000_000
              + " MB are available",
          "free some space or choose another folder");
    }
  }

  private static String temporaryName(Path target) {
    byte[] random = new byte[8];
    new SecureRandom().nextBytes(random);
    return "."
        + target.getFileName()
        + "."
        + ProcessHandle.current().pid()
        + "-"
        + HexFormat.of().formatHex(random)
        + ".tmp";
  }

  /** Gives the first usable leftover of a dead writer the name {@code folder}, and clears the others. */
  private static Origin takeOver(Path target, Path folder, Predicate<Path> usable)
      throws IOException {
    Pattern name =
        Pattern.compile(
            "\\." + Pattern.quote(target.getFileName().toString())
                + "\\.([0-9]{1,10})-[0-9a-f]{16}\\.tmp");
    Origin origin = Origin.NEW;
    try (DirectoryStream<Path> siblings = Files.newDirectoryStream(target.getParent())) {
      for (Path sibling : siblings) {
        Matcher matcher = name.matcher(sibling.getFileName().toString());
        if (!matcher.matches() || !isDead(Long.parseLong(matcher.group(1)))) {
          continue;
        }
        if (origin == Origin.NEW && usable.test(sibling) && renamed(sibling, folder)) {
          origin = Origin.ADOPTED;
        } else {
          deleteFlat(sibling);
        }
      }
    }
    return origin;
  }

  /** Of several writers that find the same leftover, one gets it. */
  private static boolean renamed(Path leftover, Path folder) throws IOException {
    try {
      Files.move(leftover, folder, StandardCopyOption.ATOMIC_MOVE);
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static long contentBytes(Path folder) throws IOException {
    long bytes = 0;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        bytes += Files.size(file);
      }
    } catch (NoSuchFileException e) {
      return 0;
    }
    return bytes;
  }

  private static boolean isDead(long pid) {
    return ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty();
  }

  /** Deletes a folder of files; one that holds folders is left with them, for it is not ours. */
  private static void deleteFlat(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    } catch (NoSuchFileException e) {
      return;
    }
    Files.deleteIfExists(folder);
  }

  private static void flushFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private void removeOnExit() {
    synchronized (this) {
      if (!finished) {
        finished = true;
        deleteWhileWritten();
      }
    }
  }

  /** The writing thread still runs during shutdown and may put a file into the folder just as it is emptied. */
  private void deleteWhileWritten() {
    for (int attempt = 1;; attempt++) {
      try {
        deleteFlat(folder);
        return;
      } catch (IOException e) {
        if (attempt == EXIT_ATTEMPTS) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private void dropHook() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // Already shutting down: the hook runs or has run, and finds that nothing is left to do.
      finished = true;
    }
  }
}
