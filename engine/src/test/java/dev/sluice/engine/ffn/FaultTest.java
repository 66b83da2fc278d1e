package dev.sluice.engine.ffn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.engine.session.TinyStore;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.FfnLayout;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A disk that gives other bytes than were written, or fewer: a fault that names the place, and never a token after it. */
class FaultTest {
  private static final ReadPlanner.Limits LIMITS = new ReadPlanner.Limits(4096, 16_384, 32 * 1024);
  private static final Residency RESIDENCY = new Residency(600, 0, Window.auto(), 64);

  private static Workers workers;

  @TempDir
  Path folder;

  @BeforeAll
  static void start() {
    workers = new Workers(2);
  }

  @AfterAll
  static void stop() {
    workers.close();
  }

  private Path tiny(FfnForm form, Container container, Arrangement arrangement) {
    StoreWriter.Options options =
        new StoreWriter.Options(container, arrangement, 0, Existing.REFUSE);
    return TinyStore.of(form).write(folder.resolve("tiny"), options);
  }

  private static Engine engine(Store store, Backend backend) {
    Activity exact = Activity.exact(TinyStore.LAYERS);
    return new Engine(store, workers, backend, exact, PredictorChoice.ALL);
  }

  /** Flips a bit of some bundle of a layer; returns the offset of its page. */
  private static long damage(FfnLayout layout, int layer, Random random) throws IOException {
    var parts = layout.layers().get(layer);
    FfnLayout.Part part = parts.get(random.nextInt(parts.size()));
    long at = part.offsetBytes(random.nextInt(TinyStore.NEURONS)) + random.nextInt(part.bytes());
    try (FileChannel file =
        FileChannel.open(layout.file(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer one = ByteBuffer.allocate(1);
      file.read(one, at);
      one.put(0, (byte) (one.get(0) ^ 1 << random.nextInt(8))).rewind();
      file.write(one, at);
    }
    return at / 4096 * 4096;
  }

  @ParameterizedTest
  @CsvSource({
    "UNGATED,FILE,BUNDLED,IO_URING", "GATED,FILE,SPLIT,PREAD", "UNGATED,LMDB,SPLIT,IO_URING",
    "GATED,LMDB,BUNDLED,PREAD", "GATED,FILE,BUNDLED,MMAP"
  })
  void aFlippedBitIsAFaultThatNamesThePageAndEndsTheSession(
      FfnForm form, Container container, Arrangement arrangement, Backend backend)
      throws IOException {
    Path path = tiny(form, container, arrangement);
    try (Store store = Store.open(path);
        Engine engine = engine(store, backend);
        Session session = new Session(engine, 8, RESIDENCY, LIMITS)) {
      long page = damage(store.ffn(), 1, new Random(backend.ordinal()));
      FaultException fault = assertThrows(FaultException.class, () -> session.step(3));
      assertNames(fault, store.ffn().file(), page);
      assertEquals(0, session.position());
      assertThrows(RuntimeException.class, () -> session.step(3), "a token out of a broken cache");

      FaultException inPrompt =
          assertThrows(FaultException.class, () -> session.prompt(new int[] {3, 4}, null));
      assertNames(inPrompt, store.ffn().file(), page);
      assertEquals(0, session.position());
    }
  }

  private static void assertNames(FaultException fault, Path file, long page) {
    assertTrue(fault.getMessage().startsWith(file.toString()), fault.getMessage());
    assertTrue(fault.getMessage().contains("offset " + page + " "), fault.getMessage());
    assertEquals(1, fault.getMessage().lines().count());
  }

  /** The file is cut while it is open: what was admitted to the cache but never arrived must not be computed with. */
  @ParameterizedTest
  @EnumSource(value = Backend.class, names = {"IO_URING", "PREAD"})
  void aFileCutShortWhileOpenEndsTheSession(Backend backend) throws IOException {
    Path path = tiny(FfnForm.UNGATED, Container.FILE, Arrangement.BUNDLED);
    try (Store store = Store.open(path);
        Engine engine = engine(store, backend);
        Session session = new Session(engine, 8, RESIDENCY, LIMITS)) {
      long cut = store.ffn().layers().get(1).getFirst().offsetBytes(TinyStore.NEURONS / 2);
      try (FileChannel file = FileChannel.open(store.ffn().file(), StandardOpenOption.WRITE)) {
        file.truncate(cut / 4096 * 4096);
      }
      FaultException fault = assertThrows(FaultException.class, () -> session.step(3));
      assertTrue(fault.getMessage().startsWith(store.ffn().file().toString()), fault.getMessage());
      for (int again = 0; again < 3; again++) {
        assertThrows(RuntimeException.class, () -> session.step(3),
            "a token out of a broken cache");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = Backend.class, names = {"IO_URING", "PREAD", "MMAP"})
  void closingWhileReadsAreInFlightWaitsForThem(Backend backend) {
    Path path = tiny(FfnForm.GATED, Container.FILE, Arrangement.BUNDLED);
    try (Store store = Store.open(path)) {
      for (int k = 0; k < 40; k++) {
        LayerStream stream =
            new LayerStream(store, BlockReaders.open(store.ffn().file(), backend));
        stream.load(k % 2, k % 2 + 1);
        stream.close();
      }
      try (LayerStream stream =
          new LayerStream(store, BlockReaders.open(store.ffn().file(), backend))) {
        assertEquals(2, stream.load(2, -1).layer());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = Backend.class, names = {"IO_URING", "PREAD"})
  void layersAskedForInAnyOrderAreTheRightOnes(Backend backend) {
    Path path = tiny(FfnForm.UNGATED, Container.FILE, Arrangement.SPLIT);
    try (Store store = Store.open(path);
        LayerStream calm = new LayerStream(store, BlockReaders.open(store.ffn().file(), backend));
        LayerStream erratic =
            new LayerStream(store, BlockReaders.open(store.ffn().file(), backend))) {
      Random random = new Random(2);
      for (int k = 0; k < 60; k++) {
        int layer = random.nextInt(TinyStore.LAYERS);
        LayerWeights want = calm.load(layer, -1);
        // What is announced is not always what comes.
        LayerWeights got = erratic.load(layer, random.nextInt(TinyStore.LAYERS + 1) - 1);
        for (int i = 0; i < TinyStore.NEURONS; i++) {
          assertEquals(row(want, want.upOffsetBytes(i)), row(got, got.upOffsetBytes(i)));
          assertEquals(row(want, want.downOffsetBytes(i)), row(got, got.downOffsetBytes(i)));
        }
      }
    }
  }

  private static ByteBuffer row(LayerWeights weights, long at) {
    return weights.memory().asSlice(at, TinyStore.HIDDEN * 2L).asByteBuffer();
  }
}
