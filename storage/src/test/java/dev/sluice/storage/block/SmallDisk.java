package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A tmpfs of a few MiB; the test is skipped where we may not mount one. */
public record SmallDisk(Path folder) implements AutoCloseable {
  public static SmallDisk mount(Path folder, long bytes) throws IOException {
    assumeTrue("root".equals(System.getProperty("user.name")), "mounting needs root");
    Files.createDirectories(folder);
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=" + bytes, "tmpfs", folder.toString()) == 0,
        "no tmpfs can be mounted here");
    return new SmallDisk(folder);
  }

  public void makeReadOnly() throws IOException {
    if (run("mount", "-o", "remount,ro", folder.toString()) != 0) {
      throw new IOException("cannot remount " + folder);
    }
  }

  @Override
  public void close() throws IOException {
    if (run("umount", folder.toString()) != 0) {
      throw new IOException("cannot unmount " + folder);
    }
  }

  private static int run(String... command) throws IOException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      return process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(command[0]);
    }
  }
}
