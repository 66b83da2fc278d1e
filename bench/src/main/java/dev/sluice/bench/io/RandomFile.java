package dev.sluice.bench.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;

/**
 * A file of seeded random bytes, really written: a disk answers reads of unwritten extents without
 * reading, and a compressing one reads less than it is asked for.
 */
final class RandomFile {
  private static final int CHUNK_BYTES = 8 << 20;

  private RandomFile() {}

  /**
   * Gives {@code path} the wanted size, unless it has it already. Written beside and renamed, so a
   * killed run leaves no short file behind.
   *
   * @param bytes a multiple of 8 MiB
   */
  static Path at(Path path, long bytes) throws IOException {
    if (Files.exists(path) && Files.size(path) == bytes) {
      return path;
    }
    Path unfinished = path.resolveSibling(path.getFileName() + ".unfinished");
    var random = new SplittableRandom(1);
    try (var channel =
        FileChannel.open(
            unfinished,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
      for (long written = 0; written < bytes; written += CHUNK_BYTES) {
        chunk.clear();
        while (chunk.hasRemaining()) {
          chunk.putLong(random.nextLong());
        }
        chunk.flip();
        while (chunk.hasRemaining()) {
          channel.write(chunk);
        }
      }
      channel.force(true);
    }
    return Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE);
  }
}
