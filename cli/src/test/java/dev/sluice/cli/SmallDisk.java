package dev.sluice.cli;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A tmpfs that is soon full. Tests that want one are skipped where none can be mounted. */
record SmallDisk(Path scratch, Path folder) implements AutoCloseable {
  static SmallDisk mount(Path scratch, long bytes) throws IOException {
    Path folder = Files.createDirectory(scratch.resolve("disk"));
    CommandRun mount =
        CommandRun.inShell(
            scratch, "exec mount -t tmpfs -o \"size=$1\" tmpfs \"$2\"", Long.toString(bytes),
            folder.toString());
    assumeTrue(mount.exit() == 0, () -> "no tmpfs can be mounted here: " + mount.err());
    return new SmallDisk(scratch, folder);
  }

  /** Fills the disk until so many bytes are free. */
  void leave(int freeBytes) throws IOException {
    long free = Files.getFileStore(folder).getUsableSpace();
    Files.write(folder.resolve("filling"), new byte[Math.toIntExact(free - freeBytes)]);
  }

  @Override
  public void close() throws IOException {
    CommandRun.inShell(scratch, "exec umount \"$1\"", folder.toString()).assertDone();
  }
}
