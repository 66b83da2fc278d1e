package dev.sluice.bench.compare;

import dev.sluice.bench.compare.Ladder.BundleWidth;
import dev.sluice.bench.compare.Ladder.Configuration;
import dev.sluice.bench.compare.Ladder.Resident;
import dev.sluice.bench.compare.Subject.Sparsity;
import dev.sluice.bench.compare.Variants.Layout;
import dev.sluice.bundler.pack.Repacker.Rearrangement;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.file.Path;
import java.util.List;

/** Runs of one bundled store by the whole method, or without parts of it, for experiments that need figures of real reads. */
public final class StoreRuns implements AutoCloseable {
  private final Subject subject;
  private final Comparer.Options options;

  /** How wide bundles are on disk, in words that need no knowledge of ladders. */
  public enum Width {
    OWN(BundleWidth.OWN),
    /** As in a 4.5B model. */
    PADDED(BundleWidth.PADDED);

    private final BundleWidth width;

    Width(BundleWidth width) {
      this.width = width;
    }
  }

  /** What is left out of the whole method. */
  public enum Part {
    NOTHING("whole method", Resident.WINDOW, Rearrangement.KEEP),
    WINDOW("without window", Resident.PINNED, Rearrangement.KEEP),
    ORDER("without order", Resident.WINDOW, Rearrangement.IDENTITY),
    RESIDENTS("nothing resident", Resident.NOBODY, Rearrangement.KEEP);

    private final String title;
    private final Resident resident;
    private final Rearrangement order;

    Part(String title, Resident resident, Rearrangement order) {
      this.title = title;
      this.resident = resident;
      this.order = order;
    }

    public String title() {
      return title;
    }
  }

  /** Opens a store; layouts that runs need are written to the options' work folder and kept. */
  public StoreRuns(String name, Path folder, Comparer.Options options, Workers workers) {
    this.options = options;
    this.subject = new Comparer(options, workers, Progress.SILENT).subject(name, folder);
  }

  /** The store with bundles as wide as those of a 4.5B model; open until this is closed. */
  public Store padded() {
    return subject.engineStore(
        new Layout(Arrangement.BUNDLED, Rearrangement.KEEP,
            BundleWidth.PADDED.strideBytes(subject)));
  }

  /** How the product merges reads. */
  public static ReadPlanner.Limits merging() {
    return Ladder.MERGED;
  }

  /** Whether a predictor leaves room for a slot in the options' share of RAM. */
  public boolean fits(ActiveRule rule, double cett, PredictorChoice predictor, Width width) {
    return ladder(width).fits(new Sparsity(rule, cett, predictor), options.ramShare());
  }

  /** Decodes the text with each part left out in turn, several rounds; a summary for each. */
  public List<Summary> measure(ActiveRule rule, double cett, PredictorChoice predictor,
      Width width, List<Part> leftOut) {
    Sparsity sparsity = new Sparsity(rule, cett, predictor);
    List<Configuration> configurations = leftOut.stream()
        .map(part -> new Configuration(part.title, sparsity, Arrangement.BUNDLED, part.order,
            part.resident, Ladder.MERGED))
        .toList();
    return ladder(width).streamAll(configurations, options.ramShare(), _ -> {}).stream()
        .map(Ladder.Streamed::figures).toList();
  }

  private Ladder ladder(Width width) {
    return new Ladder(subject, width.width, options);
  }

  @Override
  public void close() {
    subject.close();
  }
}
