package dev.sluice.storage.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.storage.block.ReadProgress.Verdict;
import dev.sluice.storage.posix.Errno;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The kernel's rare answers, which no test can make a disk give on demand. */
final class ReadProgressTest {
  private static final int PAGE = 4096;
  private static final int FILE_BYTES = 3 * PAGE + 100;

  @TempDir
  Path folder;
  private final Arena arena = Arena.ofConfined();
  private SourceFile file;
  private ReadProgress progress;
  private ReadBatch batch;

  @BeforeEach
  void open() throws IOException {
    Path path = Files.write(folder.resolve("f"), new byte[FILE_BYTES]);
    file = SourceFile.open(path, SourceFile.Opening.DIRECT_IF_POSSIBLE);
    assumeTrue(file.access() == Access.DIRECT && file.alignmentBytes() <= PAGE);
    batch = new ReadBatch(arena.allocate(8 * PAGE, PAGE));
    batch.add(0, 2 * PAGE, 0);
    batch.add(2 * PAGE, 2 * PAGE, 2 * PAGE);
    progress = new ReadProgress(file);
    progress.reset(batch);
  }

  @AfterEach
  void close() {
    file.close();
    arena.close();
  }

  @Test
  void aShortReadAsksForTheRest() {
    assertEquals(Verdict.AGAIN, progress.advance(0, PAGE));
    assertEquals(PAGE, progress.fileOffsetBytes(0));
    assertEquals(PAGE, progress.lengthBytes(0));
    assertEquals(batch.target().address() + PAGE, progress.targetAddress(0));
    assertEquals(Verdict.COMPLETE, progress.advance(0, PAGE));
  }

  @Test
  void aShortReadWithinABlockAsksForThatBlockAgain() {
    assertEquals(Verdict.AGAIN, progress.advance(0, PAGE + 1));
    assertEquals(PAGE, progress.fileOffsetBytes(0));
    assertEquals(Verdict.FAULT, progress.advance(0, 1));
    assertTrue(progress.exception(0).getMessage().contains("file is shorter than the 12388 bytes"));
  }

  @Test
  void theEndOfTheFileWithinTheLastBlockIsComplete() {
    assertEquals(Verdict.COMPLETE, progress.advance(1, PAGE + 100));
    progress.reset(batch);
    assertEquals(Verdict.AGAIN, progress.advance(1, PAGE));
    assertEquals(Verdict.COMPLETE, progress.advance(1, 100));
    progress.reset(batch);
    assertEquals(Verdict.AGAIN, progress.advance(1, PAGE + 99));
    assertEquals(Verdict.FAULT, progress.advance(1, 99));
  }

  @Test
  void nothingAtAllIsAShorterFile() {
    assertEquals(Verdict.FAULT, progress.advance(0, 0));
    assertTrue(progress.isFault(0));
    assertTrue(progress.exception(0).getMessage().contains("shorter"));
  }

  @Test
  void signalsAndMomentaryRefusalsAreAskedAgainButNotForEver() {
    for (int errno : new int[] {Errno.EINTR, Errno.EAGAIN, Errno.ECANCELED}) {
      progress.reset(batch);
      assertEquals(Verdict.AGAIN, progress.advance(0, -errno));
      assertTrue(progress.wasRefused(0));
      assertEquals(0, progress.fileOffsetBytes(0));
      int asked = 1;
      Verdict verdict = Verdict.AGAIN;
      while (verdict == Verdict.AGAIN && asked < 10_000) {
        verdict = progress.advance(0, -errno);
        asked++;
      }
      assertEquals(Verdict.FAULT, verdict);
      assertTrue(progress.exception(0).getMessage().contains(Errno.text(errno)));
    }
  }

  @Test
  void aDeviceErrorIsAFaultWithItsText() {
    assertEquals(Verdict.FAULT, progress.advance(1, -Errno.EIO));
    String message = progress.exception(1).getMessage();
    assertTrue(message.startsWith(file.path() + " at byte 8192: "), message);
    assertTrue(message.contains("Input/output error (EIO)"), message);
  }
}
