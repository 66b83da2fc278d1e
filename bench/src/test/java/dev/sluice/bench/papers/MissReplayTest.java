package dev.sluice.bench.papers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sluice.bench.papers.MissReplay.Reads;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.importer.Importer;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MissReplayTest {
  private static final int PAGE = 4096;

  /** Neurons 0 and 1; 1; 0 and 2; 1. */
  private static final long[] FIRINGS = {0b011, 0b010, 0b101, 0b010};

  @Test
  void whatAWindowLeaves() {
    Activity sets = Activity.of(4, 3, FIRINGS);
    assertArrayEquals(new long[] {0b011}, MissReplay.missing(sets, 2, 0));
    assertArrayEquals(new long[] {0}, MissReplay.missing(sets, 1, 1));
    assertArrayEquals(new long[] {0b101}, MissReplay.missing(sets, 1, 2));
    assertArrayEquals(new long[] {0b100}, MissReplay.missing(sets, 2, 2));
    assertArrayEquals(new long[] {0b010}, MissReplay.missing(sets, 1, 3));
    assertArrayEquals(new long[] {0}, MissReplay.missing(sets, 9, 3));
    assertArrayEquals(new long[] {0b010}, MissReplay.missing(sets, 0, 3));
  }

  /** Bundles of one page each, so bytes and requests can be counted by hand. */
  @Test
  void readsThemFromTheirPlaces(@TempDir Path folder) {
    Path root = Path.of(System.getProperty("sluice.root"));
    Path target = folder.resolve("wide.sluice");
    Importer.importCheckpoint(root.resolve("fixtures/hf/arcee-relu2"), target,
        new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, PAGE, Existing.REFUSE),
        (done, total) -> {});
    try (Store store = Store.open(target)) {
      int neurons = store.spec().feedForward();
      int layers = store.spec().layers();
      int words = (neurons + 63) / 64;
      long[] rows = new long[4 * words];
      for (int t = 0; t < 4; t++) {
        rows[t * words] = FIRINGS[t];
      }
      List<Activity> sets = Collections.nCopies(layers, Activity.of(4, neurons, rows));
      int[] forward = IntStream.range(0, neurons).toArray();
      // Neuron 1 goes behind all others, 0 and 2 become neighbours.
      int[] apart = IntStream.range(0, neurons).map(p -> p == 0 ? 0
          : p < neurons - 1 ? p + 1 : 1).toArray();
      ReadPlanner.Limits limits = new ReadPlanner.Limits(PAGE, -1, 1 << 20).unmerged();
      ReadPlanner.Limits touching = new ReadPlanner.Limits(PAGE, 0, 1 << 20);
      try (MissReplay replay = new MissReplay(store,
          BlockReaders.open(store.ffn().file(), Backend.PREAD), limits)) {
        Reads all = replay.run(sets, Collections.nCopies(layers, forward), 0, 0, 4);
        assertEquals(4, all.tokens());
        assertEquals(6L * layers, all.wantedBundles());
        assertEquals(6L * layers * PAGE, all.bytes());
        assertEquals(6L * layers, all.requests());
        Reads kept = replay.run(sets, Collections.nCopies(layers, forward), 1, 1, 4);
        assertEquals(3L * layers, kept.wantedBundles(), "0 and 2, then 1");
      }
      try (MissReplay replay = new MissReplay(store,
          BlockReaders.open(store.ffn().file(), Backend.PREAD), touching)) {
        Reads plain = replay.run(sets, Collections.nCopies(layers, forward), 0, 0, 4);
        assertEquals(5L * layers, plain.requests(), "0 and 1 are neighbours, 0 and 2 are not");
        Reads moved = replay.run(sets, Collections.nCopies(layers, apart), 0, 0, 4);
        assertEquals(5L * layers, moved.requests(), "now 0 and 2 are, 0 and 1 are not");
        assertEquals(6L * layers * PAGE, moved.bytes());
      }
    }
  }
}
