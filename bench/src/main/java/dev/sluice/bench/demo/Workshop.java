package dev.sluice.bench.demo;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bundler.importer.Importer;
import dev.sluice.bundler.order.Order;
import dev.sluice.bundler.pack.Bundler;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.bundler.predictor.QuantisedFit;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.text.TextFile;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.engine.trace.Tracer;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Makes a bundled store from a checkpoint: import, trace, bundle, each skipped when its result is there and fits what it
 * would be made from: the same checkpoint folder, store and trace.
 */
public final class Workshop {
  private static final int TRACED_TOKENS = 8_192;
  private static final int SEARCHED_TOKENS = 16_384;
  private static final int WINDOW_TOKENS = 256;
  private static final List<Integer> PREDICTOR_BITS = List.of(2, 4);
  private static final long SEED = 1;

  private final Path folder;
  private final Workers workers;
  private final Backend backend;
  private final Progress progress;

  /** Works in {@code folder}, which exists. */
  public Workshop(Path folder, Workers workers, Backend backend, Progress progress) {
    this.folder = folder;
    this.workers = workers;
    this.backend = backend;
    this.progress = progress;
  }

  /** The bundled store of a checkpoint, made if need be from the calibration and search texts. */
  public Path bundled(String name, Path checkpoint, Path calibration, Path search) {
    Path imported = folder.resolve(name + ".sluice");
    Path trace = folder.resolve(name + ".trace");
    Path bundled = folder.resolve(name + "-bundled.sluice");
    if (isImportOf(imported, checkpoint) && isBundleOf(bundled, trace)) {
      return bundled;
    }
    if (!isImportOf(imported, checkpoint)) {
      StoreWriter.Options options = options();
      Importer.importCheckpoint(
          checkpoint, imported, options,
          (done, total) -> progress.report("importing " + name, done, total));
    }
    try (Store store = Store.open(imported)) {
      if (!isTraceOf(trace, store)) {
        trace(name, store, trace, calibration, search);
      }
      try (TraceReader reader = TraceReader.open(trace)) {
        Bundler.Request request =
            new Bundler.Request(
                bundled,
                options(),
                Order.named("ripple", SEED),
                Bundler.onePercentTarget(reader),
                Bundler.FittedTo.ALL,
                PREDICTOR_BITS.stream().map(PredictorRecipe::quantised).toList(),
                QuantisedFit.DEFAULT_RECALL,
                SEED);
        Bundler.bundle(
            store, reader, trace, request,
            (done, total) -> progress.report("bundling " + name, done, total));
      }
    }
    return bundled;
  }

  private static StoreWriter.Options options() {
    return new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REPLACE);
  }

  private void trace(String name, Store store, Path target, Path calibration, Path search) {
    Tokenizer tokenizer =
        Tokenizer.parse(
            store
                .tokenizerJson()
                .orElseThrow(
                    () -> new BadInputException(store.folder(), "it has no tokenizer",
                        "use a checkpoint with one")),
            store.folder().toString());
    try (Engine engine =
        new Engine(store, workers, backend, Activity.exact(store.spec().layers()),
            PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Tracer.Request request =
          new Tracer.Request(
              target,
              TraceWriter.Existing.REPLACE,
              store.digest(),
              first(tokenizer.encode(TextFile.read(calibration)), TRACED_TOKENS),
              first(tokenizer.encode(TextFile.read(search)), SEARCHED_TOKENS),
              WINDOW_TOKENS,
              ActiveRule.OUTPUT,
              engine.activity(),
              engine.blockPredictor());
      new Tracer(engine.model(), engine.sweep(layers, WINDOW_TOKENS), workers)
          .trace(request, (done, total) -> progress.report("tracing " + name, done, total));
    }
  }

  private static int[] first(int[] tokens, int most) {
    return Arrays.copyOf(tokens, Math.min(tokens.length, most));
  }

  private static boolean isImportOf(Path store, Path checkpoint) {
    if (!Files.exists(store)) {
      return false;
    }
    try (Store opened = Store.open(store)) {
      return opened.provenance().source()
          .equals(checkpoint.toAbsolutePath().normalize().toString());
    } catch (BadInputException e) {
      return false; // damaged or of an older version: made again
    }
  }

  private static boolean isTraceOf(Path trace, Store store) {
    if (!Files.exists(trace)) {
      return false;
    }
    try (TraceReader reader = TraceReader.open(trace)) {
      return reader.header().storeDigest().equals(store.digest())
          && reader.header().tokens() == TRACED_TOKENS
          && reader.header().windowTokens() == WINDOW_TOKENS;
    } catch (BadInputException e) {
      return false;
    }
  }

  private static boolean isBundleOf(Path bundled, Path trace) {
    if (!Files.exists(bundled) || !Files.exists(trace)) {
      return false;
    }
    try (Store store = Store.open(bundled);
        TraceReader reader = TraceReader.open(trace)) {
      return store.provenance().traceDigest().equals(reader.digest())
          && PREDICTOR_BITS.stream().map(StoreKeys::quantised).allMatch(store.blobKeys()::contains);
    } catch (BadInputException e) {
      return false;
    }
  }
}
