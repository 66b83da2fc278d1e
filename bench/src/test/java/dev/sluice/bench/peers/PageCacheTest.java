package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageCacheTest {
  private static final int BYTES = 1 << 20;

  @TempDir
  private Path folder;

  @Test
  void whatWasWrittenIsDropped() throws IOException {
    Path file = written();
    assertEquals(BYTES, PageCache.cachedBytes(file));
    PageCache.drop(List.of(folder));
    assertEquals(0, PageCache.cachedBytes(file));
  }

  @Test
  void whatSomebodyHasMappedStaysAndIsAFault() throws IOException {
    Path file = written();
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, BYTES, arena);
      mapped.load();
      FaultException fault =
          assertThrows(FaultException.class, () -> PageCache.drop(List.of(file)));
      assertTrue(fault.getMessage().contains("stay in the page cache"), fault::getMessage);
    }
  }

  /** Skipped where the kernel cannot tell, as before Linux 6.5, or the file system has no page cache that is dropped. */
  private Path written() throws IOException {
    Path file = folder.resolve("model");
    Files.write(file, new byte[BYTES]);
    assumeTrue(PageCache.cachedBytes(file) > 0, "this kernel does not say what it has cached");
    assumeTrue(!Files.getFileStore(file).type().equals("tmpfs"), "files here are in memory");
    return file;
  }
}
