package dev.sluice.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.cli.CrashScene.Work;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** SIGKILL of import, trace and bundle at seeded moments; {@code KilledImportTest} does it at the steps of an import. */
final class KilledVerbsTest {
  private static final long SEED = 2026;
  private static final int SIGKILLED = 128 + 9;

  /** A JVM that does nothing takes about this share of a run: nothing is written before. */
  private static final double START_SHARE = 0.4;

  private static final int MOST_TRIES = 4; // for each kill

  @TempDir
  Path given;

  private void kill(Work work, int kills) throws IOException, InterruptedException {
    CrashScene scene = CrashScene.prepare(given, work);
    long began = System.nanoTime();
    Process whole = scene.start();
    assertEquals(0, whole.waitFor());
    long nanos = System.nanoTime() - began;
    scene.done();
    SplittableRandom random = new SplittableRandom(SEED + work.name().hashCode());
    int killed = 0;
    for (int k = 0; killed < kills && k < MOST_TRIES * kills; k++) {
      scene.layOld();
      long delay = (long) (nanos * (START_SHARE + (1.1 - START_SHARE) * random.nextDouble()));
      String what = work + ", kill " + k + " of seed " + SEED + " after " + delay + " ns";
      long started = System.nanoTime();
      Process child = scene.start();
      if (!child.waitFor(delay, TimeUnit.NANOSECONDS)) {
        child.destroyForcibly();
      }
      int exit = child.waitFor();
      assertTrue(exit == 0 || exit == SIGKILLED, what + " exit " + exit);
      if (exit == SIGKILLED) {
        killed++;
      } else {
        // Too late: the machine is quicker now than it was when the whole was timed.
        nanos = Math.min(nanos, System.nanoTime() - started);
      }
      Map<String, byte[]> left = CrashScene.content(scene.folder());
      scene.assertOldNewOrNone(left, what);
      scene.assertGoesOn(left, what);
    }
    assertEquals(kills, killed, "too many kills of " + work + " came too late");
  }

  @ParameterizedTest
  @EnumSource(value = Work.class, names = {"REPLACE", "TRACE", "BUNDLE_OVER"})
  void aKillLeavesTheOldTheNewOrNone(Work work) throws IOException, InterruptedException {
    kill(work, 4);
  }

  @ParameterizedTest
  @EnumSource(Work.class)
  @Tag("long")
  void twoHundredKills(Work work) throws IOException, InterruptedException {
    kill(work, 34);
  }
}
