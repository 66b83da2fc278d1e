package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.cli.CrashScene.Work;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A disk that is full at every step of import, trace and bundle: one line, the old thing untouched, and with room again the same
 * command makes the new one. A real small disk for the sizes, and for the steps a process in which from the k-th call on whatever
 * takes room fails as on a full disk.
 */
final class FullDiskTest {
  @TempDir
  Path given;

  /** @param stride how many calls there are from one that fails first to the next */
  private void fillAtCalls(Work work, int stride) throws IOException {
    CrashScene scene = CrashScene.prepare(given, work);
    Path log = scene.scratch().resolve("calls");
    String variables =
        "RECORD_ROOT='" + scene.folder() + "' RECORD_LOG='" + log + "' LD_PRELOAD='"
            + scene.preloaded() + "'";
    scene.run(variables).assertDone();
    scene.done();
    int calls = RecordedDisk.calls(log).size();
    int refused = 0;
    for (int k = 1; k <= calls; k += stride) {
      scene.layOld();
      Files.deleteIfExists(log);
      CommandRun run = scene.run("FULL_FROM=" + k + " " + variables);
      String what = work + ", full from call " + k + " of " + calls;
      Map<String, byte[]> left = CrashScene.content(scene.folder());
      scene.assertOldNewOrNone(left, what);
      if (run.exit() != 0) {
        assertEquals(CommandRun.FAULT, run.exit(), () -> what + ": " + run);
        assertEquals(1, run.err().lines().count(), () -> what + ": " + run);
        assertTrue(run.err().contains("free some space"), () -> what + ": " + run);
        refused++;
      }
      scene.assertGoesOn(left, what);
    }
    assertTrue(refused > 0, "it never mattered");
  }

  @ParameterizedTest
  @EnumSource(value = Work.class, names = {"TRACE", "IMPORT_LMDB"})
  void aDiskThatIsFullFromSomeCallOn(Work work) throws IOException {
    fillAtCalls(work, 15);
  }

  @ParameterizedTest
  @EnumSource(Work.class)
  @Tag("long")
  void aDiskThatIsFullFromAnyCallOn(Work work) throws IOException {
    fillAtCalls(work, 1);
  }

  /** With less room than is needed, by steps: it is refused before or on the way, or there is enough. */
  @Test
  void aSmallDiskOfAnySize() throws IOException {
    Path checkpoint = TinyCheckpoint.write(given.resolve("checkpoint")).folder();
    try (SmallDisk disk = SmallDisk.mount(given, 4 << 20)) {
      int imported = 0;
      for (int free = 0; free <= 2 << 20; free += 128 << 10) {
        disk.leave(free);
        FolderContent before = FolderContent.of(disk.folder());
        Path target = disk.folder().resolve("new.sluice");
        CommandRun run =
            CommandRun.inProcess("import", checkpoint.toString(), "-o", target.toString());
        if (run.exit() == 0) {
          CommandRun.inProcess("verify", target.toString()).assertDone();
          imported++;
          break;
        }
        run.assertRefused(CommandRun.FAULT, disk.folder(), "free some space");
        before.assertUnchanged();
        Files.delete(disk.folder().resolve("filling"));
      }
      assertEquals(1, imported);
    }
  }
}
