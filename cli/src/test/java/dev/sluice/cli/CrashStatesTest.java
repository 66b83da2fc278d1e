package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.cli.CrashScene.Work;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every state that a crash can leave: the calls that change files are recorded while a verb runs, and after each of them all
 * that is left of the folder is laid out: everything, or what was flushed, or names without bytes, or bytes without names, or
 * all but half of the last write.
 */
final class CrashStatesTest {
  @TempDir
  Path given;

  /** @param every how many states there are to one in which the command is given again; the last is among these */
  private void enumerate(Work work, int every) throws IOException {
    CrashScene scene = CrashScene.prepare(given, work);
    RecordedDisk disk = RecordedDisk.of(scene.folder());
    Path log = scene.scratch().resolve("calls");
    scene.run("RECORD_ROOT='" + scene.folder() + "' RECORD_LOG='" + log + "' LD_PRELOAD='"
        + scene.preloaded() + "'").assertDone();
    scene.done();
    Map<String, byte[]> whole = CrashScene.content(scene.folder());
    List<RecordedDisk.Call> calls = RecordedDisk.calls(log);
    Set<Integer> seen = new HashSet<>();
    int states = 0;
    int again = 0;
    for (int k = 0; k < calls.size(); k++) {
      disk.apply(calls.get(k));
      for (RecordedDisk.Left left : RecordedDisk.Left.values()) {
        Map<String, byte[]> files = disk.left(left);
        if (!seen.add(hash(files))) {
          continue;
        }
        states++;
        String what = work + ", " + left + " of " + (k + 1) + " of " + calls.size() + " calls ("
            + calls.get(k).op() + " " + calls.get(k).name() + ")";
        scene.assertOldNewOrNone(files, what);
        if (states % every == 0) {
          scene.assertGoesOn(files, what);
          again++;
        }
      }
    }
    Map<String, byte[]> all = disk.left(RecordedDisk.Left.ALL);
    assertEquals(whole.keySet(), all.keySet(), "the record is not of all calls");
    all.forEach((name, bytes) -> assertArrayEquals(whole.get(name), bytes, name));
    assertTrue(scene.isNew(disk.left(RecordedDisk.Left.FLUSHED)),
        "the new one is not sure when the command is done");
    assertTrue(states >= 20 && again > 0, states + " states of " + calls.size() + " calls");
  }

  private static int hash(Map<String, byte[]> files) {
    int hash = 0;
    for (Map.Entry<String, byte[]> entry : files.entrySet()) {
      hash = 31 * hash + entry.getKey().hashCode() * 17 + Arrays.hashCode(entry.getValue());
    }
    return hash;
  }

  @ParameterizedTest
  @EnumSource(value = Work.class, names = {"TRACE", "BUNDLE_OVER"})
  void aCrashLeavesTheOldTheNewOrNone(Work work) throws IOException {
    enumerate(work, 30);
  }

  @ParameterizedTest
  @EnumSource(Work.class)
  @Tag("long")
  void andTheSameCommandMakesTheNew(Work work) throws IOException {
    enumerate(work, 1);
  }
}
