package dev.sluice.storage.posix;

import com.sun.nio.file.ExtendedOpenOption;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Opens files past the page cache, where that can be had. What is then read or written must be whole pages at whole pages of
 * the file, in memory that begins at a page; only a read may meet the end of the file before.
 */
public final class DirectFile {
  /** What offsets, lengths and addresses must be multiples of. */
  public static final int ALIGNMENT_BYTES = 4096;

  private DirectFile() {}

  /** Direct if the file system's blocks fit in {@link #ALIGNMENT_BYTES} and it knows such files; otherwise through the cache. */
  public static FileChannel open(Path file, StandardOpenOption access) throws IOException {
    if (ALIGNMENT_BYTES % Files.getFileStore(file).getBlockSize() == 0) {
      try {
        return FileChannel.open(file, access, ExtendedOpenOption.DIRECT);
      } catch (IOException | UnsupportedOperationException e) {
        return FileChannel.open(file, access); // such as on some versions of tmpfs
      }
    }
    return FileChannel.open(file, access);
  }
}
