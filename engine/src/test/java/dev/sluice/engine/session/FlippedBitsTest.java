package dev.sluice.engine.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.PagePlace;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreFormat;
import dev.sluice.storage.store.StoreSurvey;
import dev.sluice.storage.store.StoreSurvey.Damage;
import dev.sluice.storage.store.StoreWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Stores with one bit flipped, or cut short, in each of their files: a run ends in one line that names the file, or its logits
 * are those of the sound store to the last bit; and {@code verify} finds the damage in every case, at the page where it is. The
 * JVM that runs this would not survive a map behind the end of a file.
 */
class FlippedBitsTest {
  private static final long SEED = 20_261_126;
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final ReadPlanner.Limits LIMITS = new ReadPlanner.Limits(4096, 0, 64 * 1024);

  @TempDir
  static Path folder;

  private static final List<Sample> samples = new ArrayList<>();
  private static Workers workers;

  /** A store, and what a run of it gives while it is sound. */
  private record Sample(Path store, Container container, PredictorChoice predictor,
      List<float[]> logits) {
    List<String> files() {
      return List.of(StoreFormat.MANIFEST, StoreFormat.CATALOG, StoreFormat.DENSE,
          StoreFormat.ffnFile(container));
    }
  }

  @BeforeAll
  static void write() throws IOException {
    workers = new Workers(1);
    for (Container container : Container.values()) {
      for (Arrangement arrangement : Arrangement.values()) {
        boolean bundled = arrangement == Arrangement.BUNDLED;
        Path store =
            TinyStore.of(bundled ? FfnForm.UNGATED : FfnForm.GATED).write(
                folder.resolve(container + "-" + arrangement),
                new StoreWriter.Options(container, arrangement, bundled ? 0 : 600,
                    Existing.REFUSE));
        // With a predictor some pages are never read: damage there changes no token.
        PredictorChoice predictor = bundled ? PredictorChoice.quantised(4) : PredictorChoice.ALL;
        samples.add(new Sample(store, container, predictor, run(store, predictor)));
      }
    }
  }

  @AfterAll
  static void stop() {
    workers.close();
  }

  private static List<float[]> run(Path path, PredictorChoice predictor) {
    try (Store store = Store.open(path);
        Engine engine =
            new Engine(store, workers, Backend.AUTO, Activity.exact(TinyStore.LAYERS), predictor);
        Session session =
            new Session(engine, 16, new Residency(100, 10, Window.auto(), 64), LIMITS)) {
      List<float[]> logits = new ArrayList<>();
      int token = 7;
      for (int step = 0; step < 3; step++) {
        float[] next = session.step(token);
        logits.add(next.clone());
        token = (int) (Math.abs(next[0]) * 1000) % TinyStore.VOCABULARY;
      }
      return logits;
    }
  }

  /** How many of each outcome. */
  private static final class Tally {
    private int refused;
    private int unharmed;

    @Override
    public String toString() {
      return refused + " refused, " + unharmed + " of no weight";
    }
  }

  /** Runs a damaged store; whatever happens, it is not another token. */
  private static void assertRefusedOrUnharmed(Sample sample, String file, String what,
      Tally tally) {
    List<float[]> logits;
    try {
      logits = assertTimeoutPreemptively(PATIENCE, () -> run(sample.store, sample.predictor), what);
    } catch (BadInputException | FaultException e) {
      assertEquals(1, e.getMessage().lines().count(), what);
      assertTrue(e.getMessage().contains(sample.store.resolve(file).toString()),
          what + ": " + e.getMessage());
      tally.refused++;
      return;
    }
    for (int step = 0; step < logits.size(); step++) {
      assertArrayEquals(sample.logits.get(step), logits.get(step), what + ", step " + step);
    }
    tally.unharmed++;
  }

  /** What verify says, which must name the file; empty when that is MANIFEST, without which it cannot go on. */
  private static Optional<StoreSurvey.Report> survey(Sample sample, String file, String what) {
    try {
      StoreSurvey.Report report = StoreSurvey.of(sample.store, ProgressListener.SILENT);
      assertFalse(report.isWhole(), what);
      for (Damage damage : report.damages()) {
        assertEquals(sample.store.resolve(file).toAbsolutePath(), damage.file(), what);
        assertEquals(1, damage.line().lines().count(), what);
      }
      assertFalse(file.equals(StoreFormat.MANIFEST), what);
      return Optional.of(report);
    } catch (BadInputException | FaultException e) {
      assertEquals(StoreFormat.MANIFEST, file, what + ": " + e.getMessage());
      assertEquals(1, e.getMessage().lines().count(), what);
      return Optional.empty();
    }
  }

  private static void flip(int rounds) throws IOException {
    SplittableRandom random = new SplittableRandom(SEED);
    Tally tally = new Tally();
    for (int round = 0; round < rounds; round++) {
      Sample sample = samples.get(random.nextInt(samples.size()));
      String name = sample.files().get(random.nextInt(sample.files().size()));
      Path file = sample.store.resolve(name);
      byte[] sound = Files.readAllBytes(file);
      byte[] damaged = sound.clone();
      int at = random.nextInt(sound.length);
      int bit = random.nextInt(8);
      damaged[at] ^= (byte) (1 << bit);
      String what = file + ", seed " + SEED + ", round " + round + ", byte " + at + ", bit " + bit;
      long[] place = name.startsWith("ffn.") ? place(sample, at) : new long[0];
      Files.write(file, damaged);
      try {
        assertRefusedOrUnharmed(sample, name, what, tally);
        Optional<StoreSurvey.Report> report = survey(sample, name, what);
        if (name.equals(StoreFormat.DENSE) || name.startsWith("ffn.")) {
          assertEquals(1, report.orElseThrow().faults(), what);
          Damage damage = report.orElseThrow().damages().getFirst();
          assertEquals(at / 4096 * 4096L, damage.offsetBytes(), what);
          if (place.length > 0) {
            PagePlace.Bundles bundles = (PagePlace.Bundles) damage.place();
            assertEquals(place[0], bundles.layer(), what);
            assertTrue(bundles.neurons().contains((int) place[1]), what + ": " + damage.line());
          } else if (name.startsWith("ffn.")) {
            assertFalse(damage.place() instanceof PagePlace.Tensors, what);
          }
        }
      } finally {
        Files.write(file, sound);
      }
    }
    assertTrue(tally.refused > rounds / 2 && tally.unharmed > 0, tally::toString);
    assertSoundAgain();
  }

  /** Layer and neuron that a byte of the bundles belongs to, by the layout that readers use; empty where it is nobody's. */
  private static long[] place(Sample sample, long at) {
    try (Store store = Store.open(sample.store)) {
      for (int layer = 0; layer < TinyStore.LAYERS; layer++) {
        for (FfnLayout.Part part : store.ffn().layers().get(layer)) {
          for (int position = 0; position < TinyStore.NEURONS; position++) {
            long from = part.offsetBytes(position);
            if (at >= from && at < from + part.bytes()) {
              return new long[] {layer, store.order(layer)[position]};
            }
          }
        }
      }
      return new long[0];
    }
  }

  private static void cut(int rounds) throws IOException {
    SplittableRandom random = new SplittableRandom(SEED + 1);
    Tally tally = new Tally();
    for (int round = 0; round < rounds; round++) {
      Sample sample = samples.get(random.nextInt(samples.size()));
      String name = sample.files().get(random.nextInt(sample.files().size()));
      Path file = sample.store.resolve(name);
      byte[] sound = Files.readAllBytes(file);
      int length = random.nextInt(sound.length);
      length = round % 2 == 0 ? length : length / 4096 * 4096;
      String what = file + ", seed " + (SEED + 1) + ", round " + round + ", cut to " + length;
      Files.write(file, Arrays.copyOf(sound, length));
      try {
        assertRefusedOrUnharmed(sample, name, what, tally);
        survey(sample, name, what);
      } finally {
        Files.write(file, sound);
      }
    }
    assertEquals(rounds, tally.refused, tally::toString);
    assertSoundAgain();
  }

  private static void assertSoundAgain() {
    for (Sample sample : samples) {
      assertTrue(StoreSurvey.of(sample.store, ProgressListener.SILENT).isWhole());
      List<float[]> logits = run(sample.store, sample.predictor);
      for (int step = 0; step < logits.size(); step++) {
        assertArrayEquals(sample.logits.get(step), logits.get(step));
      }
    }
  }

  @Test
  void aFlippedBitIsFoundAndNeverAnotherToken() throws IOException {
    flip(200);
  }

  @Test
  void aFileCutShortIsFoundBeforeItIsUsed() throws IOException {
    cut(80);
  }

  @Test
  @Tag("long")
  void tenThousandFlippedBits() throws IOException {
    flip(10_000);
  }

  @Test
  @Tag("long")
  void aThousandFilesCutShort() throws IOException {
    cut(1000);
  }
}
