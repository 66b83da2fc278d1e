package dev.sluice.bench.papers;

import dev.sluice.bench.papers.ModelSource.Origin;
import dev.sluice.bundler.order.Order;
import dev.sluice.bundler.pack.Bundler;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Container;
import dev.sluice.storage.store.Existing;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import dev.sluice.storage.trace.TraceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Stores of a model with all predictors of an effort, fitted to one recall; made when needed and kept, whole or not at all. */
final class PredictorStores {
  private PredictorStores() {}

  /** Where the store belongs; its name tells what it was made from. */
  static Path folder(Path work, Measurements model, Origin origin, double recall) {
    String made;
    try (TraceReader trace = TraceReader.open(origin.trace())) {
      made = trace.digest().substring(0, 12);
    }
    int recipes = String.join(",", model.effort().predictors()).hashCode();
    return work.resolve(String.format(Locale.ROOT, "%s-%s-%08x-%s.sluice",
        model.model().name(), made, recipes, recall));
  }

  private static void makeFolder(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new FaultException(folder, "cannot be made (" + FaultException.reason(e) + ")",
          "name another folder", e);
    }
  }

  /** Fits and writes it, unless it is there. */
  static void make(Path folder, Measurements model, Origin origin, double recall) {
    if (Files.exists(folder)) {
      return;
    }
    List<PredictorRecipe> recipes =
        model.effort().predictors().stream().map(PredictorRecipe::parse).toList();
    makeFolder(folder.getParent());
    try (Store store = Store.open(origin.imported());
        TraceReader trace = TraceReader.open(origin.trace())) {
      Bundler.bundle(store, trace, origin.trace(),
          new Bundler.Request(folder,
              new StoreWriter.Options(Container.FILE, Arrangement.BUNDLED, 0, Existing.REFUSE),
              Order.named("ripple", Effort.SEED), Bundler.onePercentTarget(trace),
              Bundler.FittedTo.ALL, recipes, recall, Effort.SEED)
              .withMarginTargets(List.of()), // figures are of the 1 % targets
          ProgressListener.SILENT);
    }
  }
}
