package dev.sluice.bench.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bundler.pack.Repacker;
import dev.sluice.bundler.pack.Repacker.Rearrangement;
import dev.sluice.engine.ffn.FfnStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.block.Access;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The ledger against the kernel's count of what this process read from the disk, and against itself. */
class DirectReadTest {
  private static final ReadPlanner.Limits MERGED = new ReadPlanner.Limits(4096, 16_384, 512 * 1024);
  private static final int WARM_TOKENS = 8;
  private static final int TOKENS = 64;

  @TempDir
  static Path folder;

  @ParameterizedTest
  @CsvSource({
    "IO_URING,FILE,BUNDLED,0", "IO_URING,LMDB,SPLIT,0", "PREAD,FILE,BUNDLED,10240",
    "PREAD,LMDB,BUNDLED,0"
  })
  void ledgerBytesAreTheKernelsBytes(
      Backend backend, Container container, Arrangement arrangement, int stride)
      throws IOException {
    Twin twin = Twin.of("relu2");
    int[] tokens = twin.tokens("held-out");
    Path target = folder.resolve(String.join("-", backend.name(), container.name(), "" + stride));
    repack(twin.bundled(), target,
        new StoreWriter.Options(container, arrangement, stride, Existing.REFUSE));
    try (Workers workers = new Workers(1);
        Store store = Store.open(target);
        Engine engine = engine(store, workers, backend, PredictorChoice.quantised(4))) {
      try (BlockReader reader = BlockReaders.open(store.ffn().file(), backend)) {
        assumeTrue(reader.access() == Access.DIRECT, reader.describe());
      }
      Residency residency = new Residency(1500, 200, Window.auto(), 64);
      try (Session session = new Session(engine, WARM_TOKENS + TOKENS, residency, MERGED)) {
        for (int t = 0; t < WARM_TOKENS; t++) {
          session.step(tokens[t]);
        }
        long ledgerBefore = session.ledger().total(Quantity.BYTES_READ);
        long kernelBefore = kernelReadBytes();
        for (int t = 0; t < TOKENS; t++) {
          session.step(tokens[WARM_TOKENS + t]);
        }
        long kernel = kernelReadBytes() - kernelBefore;
        long ledger = session.ledger().total(Quantity.BYTES_READ) - ledgerBefore;
        assertTrue(ledger > 10_000_000,
            "a loop that reads next to nothing shows nothing: " + ledger);
        assertEquals(1, ledger / (double) kernel, 0.01);
      }
    }
  }

  /** {@code read_bytes} of /proc/self/io: what this process caused to be fetched from storage (proc(5)). */
  private static long kernelReadBytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/io"))) {
      if (line.startsWith("read_bytes: ")) {
        return Long.parseLong(line.substring("read_bytes: ".length()));
      }
    }
    throw new IOException("/proc/self/io has no read_bytes");
  }

  @ParameterizedTest
  @CsvSource({
    "quantised-4,BUNDLED,16384,1500,200", "quantised-4,SPLIT,16384,1500,200",
    "oracle,BUNDLED,-1,700,0", "oracle,SPLIT,-1,0,0", "all,BUNDLED,0,4000,100",
    "ahead-low-rank-16,BUNDLED,16384,1500,200",
    "ahead-low-rank-16,SPLIT,0,300,0"
  })
  void figuresOfEveryTokenAndLayerAddUp(
      String predictor, Arrangement arrangement, int gapBytes, int slots, int pinned) {
    Twin twin = Twin.of("relu2");
    int[] tokens = twin.tokens("held-out");
    Path target = folder.resolve(String.join("-", predictor, arrangement.name(), "" + slots));
    repack(twin.bundled(), target,
        new StoreWriter.Options(Container.FILE, arrangement, 0, Existing.REFUSE));
    try (Workers workers = new Workers(1);
        Store store = Store.open(target);
        Engine engine = engine(store, workers, Backend.AUTO, PredictorChoice.parse(predictor));
        Session session =
            new Session(
                engine,
                20,
                new Residency(slots, pinned, Window.auto(), 64),
                new ReadPlanner.Limits(4096, gapBytes, 512 * 1024))) {
      for (int t = 0; t < 20; t++) {
        session.step(tokens[t]);
      }
      Ledger ledger = session.ledger();
      assertEquals(20, ledger.tokens());
      int parts = store.ffn().layers().getFirst().size();
      long width = FfnStream.widthBytes(store.ffn());
      for (int token = 0; token < ledger.tokens(); token++) {
        for (int layer = 0; layer < ledger.layers(); layer++) {
          checkCell(ledger, token, layer, parts, width, gapBytes);
        }
      }
      if (predictor.equals("oracle")) {
        assertEquals(ledger.total(Quantity.PREDICTED), ledger.total(Quantity.ACTIVE));
      }
      if (predictor.equals("all")) {
        long bundles = store.spec().layers() * (long) store.spec().feedForward();
        assertEquals(20 * bundles, ledger.total(Quantity.PREDICTED));
      }
    }
  }

  private static void checkCell(
      Ledger ledger, int token, int layer, int parts, long width, int gapBytes) {
    String where = "token " + token + ", layer " + layer;
    long misses = ledger.of(token, layer, Quantity.MISSES);
    long predicted = ledger.of(token, layer, Quantity.PREDICTED);
    long active = ledger.of(token, layer, Quantity.ACTIVE);
    long requests = ledger.of(token, layer, Quantity.REQUESTS);
    long bytes = ledger.of(token, layer, Quantity.BYTES_READ);
    long used = ledger.of(token, layer, Quantity.BYTES_USED);
    long usedOfRead = ledger.of(token, layer, Quantity.BYTES_USED_OF_READ);
    assertEquals(predicted, ledger.of(token, layer, Quantity.HITS) + misses, where);
    assertTrue(active <= predicted, where);
    assertEquals(0, bytes % 4096, where);
    assertEquals(active * width, used, where);
    assertTrue(usedOfRead <= used && usedOfRead <= misses * width && usedOfRead <= bytes, where);
    assertTrue(requests <= misses * parts, where);
    assertEquals(misses == 0, requests == 0, where);
    if (gapBytes < 0) {
      // No gaps: not one page more than the missing bundles touch.
      long pagesPerPart = (width / parts + 4095) / 4096 + 1;
      assertTrue(bytes <= misses * parts * pagesPerPart * 4096, where);
    }
    assertEquals(requests == 0, bytes == 0, where);
    for (Quantity time : List.of(Quantity.WAIT_NANOS, Quantity.PREDICT_NANOS,
        Quantity.COMPUTE_NANOS)) {
      assertTrue(ledger.of(token, layer, time) >= 0, where);
    }
  }

  @Test
  void slotsForEverythingReadEachBundleOnce() {
    Twin twin = Twin.of("relu2");
    int[] tokens = twin.tokens("held-out");
    try (Workers workers = new Workers(1);
        Store store = Store.open(twin.bundled());
        Engine engine = engine(store, workers, Backend.AUTO, PredictorChoice.ALL)) {
      int bundles = store.spec().layers() * store.spec().feedForward();
      Residency residency = new Residency(bundles, 0, Window.auto(), 64);
      try (Session session = new Session(engine, 3, residency, MERGED)) {
        for (int t = 0; t < 3; t++) {
          session.step(tokens[t]);
        }
        Ledger ledger = session.ledger();
        assertTrue(ledger.ofToken(0, Quantity.BYTES_READ) >= store.spec().ffnBytes());
        assertEquals(0, ledger.ofToken(1, Quantity.BYTES_READ));
        assertEquals(bundles, ledger.ofToken(2, Quantity.HITS));
      }
    }
  }

  @Test
  void pinnedBundlesAreNeverReadAgainAndNotCounted() {
    Twin twin = Twin.of("relu2");
    int[] tokens = twin.tokens("held-out");
    try (Workers workers = new Workers(1);
        Store store = Store.open(twin.bundled());
        Engine engine = engine(store, workers, Backend.AUTO, PredictorChoice.ALL)) {
      Residency residency = new Residency(1000, 1000, Window.auto(), 64);
      try (Session session = new Session(engine, 2, residency, MERGED)) {
        assertEquals(0, session.ledger().total(Quantity.BYTES_READ));
        session.step(tokens[0]);
        session.step(tokens[1]);
        assertEquals(1000, session.ledger().ofToken(0, Quantity.HITS));
        assertEquals(1000, session.ledger().ofToken(1, Quantity.HITS));
      }
    }
  }

  /** Reads that run ahead into the next layer and the next token are counted where they are used, each once. */
  @ParameterizedTest
  @EnumSource(value = Backend.class, names = {"IO_URING", "PREAD", "MMAP"})
  void aDenseTokenReadsWhatIsNotPinnedInWholeRuns(Backend backend) {
    Twin twin = Twin.of("relu2");
    int[] tokens = twin.tokens("held-out");
    for (int threads = 1; threads <= 2; threads++) {
      try (Workers workers = new Workers(threads);
          Store store = Store.open(twin.bundled());
          Engine engine = engine(store, workers, backend, PredictorChoice.ALL)) {
        int layers = store.spec().layers();
        int bundles = layers * store.spec().feedForward();
        int pinned = bundles / 3;
        Residency residency =
            new Residency(pinned, pinned, Residency.Pinning.FIRST, Window.fixed(0), 64);
        try (Session session = new Session(engine, 4, residency, MERGED)) {
          for (int t = 0; t < 4; t++) {
            session.step(tokens[t]);
            Ledger ledger = session.ledger();
            long bytes = ledger.ofToken(t, Quantity.BYTES_READ);
            long wanted = (bundles - pinned) * FfnStream.widthBytes(store.ffn());
            long requests = ledger.ofToken(t, Quantity.REQUESTS);
            assertEquals(bundles - pinned, ledger.ofToken(t, Quantity.MISSES));
            assertTrue(bytes >= wanted && bytes <= wanted + requests * 2 * 4096,
                bytes + " bytes for " + wanted + " in " + requests);
            assertTrue(requests <= 2L * layers + bytes / (256 * 1024), requests + " requests");
          }
        }
      }
    }
  }

  private static Engine engine(
      Store store, Workers workers, Backend backend, PredictorChoice predictor) {
    return new Engine(
        store, workers, backend, Twin.activity(store, ActiveRule.OUTPUT, 0.1), predictor);
  }

  private static void repack(Path from, Path target, StoreWriter.Options options) {
    try (Store store = Store.open(from)) {
      Repacker.repack(store, target, options, Rearrangement.KEEP, (done, total) -> {});
    }
  }
}
