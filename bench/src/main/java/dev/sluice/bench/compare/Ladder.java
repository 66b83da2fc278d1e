package dev.sluice.bench.compare;

import dev.sluice.bench.compare.Comparison.Rung;
import dev.sluice.bench.compare.Subject.Sparsity;
import dev.sluice.bench.compare.Variants.Layout;
import dev.sluice.bundler.pack.Repacker.Rearrangement;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.cache.WindowCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.PageChecksums;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The configurations of the ladder, and one real run of each. */
final class Ladder {
  /** Joins ranges over gaps that a flash device reads faster than it takes another request. */
  static final ReadPlanner.Limits MERGED =
      new ReadPlanner.Limits(PageChecksums.PAGE_BYTES, 16 * 1024, 512 * 1024);

  private static final ReadPlanner.Limits APART = MERGED.unmerged();

  /** Hidden width of the 4.5B model (AFM) whose float16 bundles padded ones imitate. */
  private static final int WIDE_ROW_BYTES = 2560 * 2;

  private final Subject subject;
  private final BundleWidth width;
  private final Comparer.Options options;

  /** How wide bundles are on disk. */
  enum BundleWidth {
    /** As the model has them. */
    OWN,
    /** Padded to the float16 width of a 4.5B model. */
    PADDED;

    int strideBytes(Subject subject) {
      return this == OWN ? subject.spec().bundleBytes()
          : WIDE_ROW_BYTES * subject.spec().rowsPerNeuron();
    }
  }

  /** Who is in the slots. */
  enum Resident {
    /** Nobody: everything streams through. */
    NOBODY,
    /** The most frequent bundles, for good. */
    PINNED,
    /** The most frequent ones in a part of the slots, a window of recent ones in the rest. */
    WINDOW
  }

  /** How many tokens a run takes: those of the options, or a quarter, enough to choose between configurations. */
  enum Effort {
    FULL,
    BRIEF
  }

  /** One rung. */
  record Configuration(
      String name, Sparsity sparsity, Arrangement arrangement, Rearrangement order,
      Resident resident,
      ReadPlanner.Limits limits) {

    Layout layout(Subject subject, BundleWidth width) {
      int stride = width == BundleWidth.OWN ? 0 : width.strideBytes(subject);
      return new Layout(arrangement, order, stride);
    }

    boolean readsAll() {
      return sparsity.predictor().kind() == PredictorChoice.Kind.ALL;
    }
  }

  Ladder(Subject subject, BundleWidth width, Comparer.Options options) {
    this.subject = subject;
    this.width = width;
    this.options = options;
  }

  static Configuration dense() {
    return new Configuration(
        "dense streaming",
        Sparsity.DENSE,
        Arrangement.BUNDLED,
        Rearrangement.IDENTITY,
        Resident.NOBODY,
        MERGED);
  }

  /** What RAM there is holds a part of every layer for good, and the rest of it streams through for each token. */
  static Configuration pinnedDense() {
    return new Configuration(
        "half pinned, rest streamed",
        Sparsity.DENSE,
        Arrangement.BUNDLED,
        Rearrangement.IDENTITY,
        Resident.PINNED,
        MERGED);
  }

  /** Cumulative: each rung keeps what the ones before it added. */
  static List<Configuration> steps(Sparsity sparsity) {
    Arrangement rows = Arrangement.SPLIT;
    Arrangement bundles = Arrangement.BUNDLED;
    Rearrangement plain = Rearrangement.IDENTITY;
    return List.of(
        dense(),
        pinnedDense(),
        new Configuration("predicted, rows apart", sparsity, rows, plain, Resident.PINNED, APART),
        new Configuration("+ row-column bundles", sparsity, bundles, plain, Resident.PINNED, APART),
        new Configuration("+ window", sparsity, bundles, plain, Resident.WINDOW, APART),
        new Configuration("+ co-activation order", sparsity, bundles, Rearrangement.KEEP,
            Resident.WINDOW, APART),
        full("+ merged reads", sparsity));
  }

  /** The whole method. */
  static Configuration full(String name, Sparsity sparsity) {
    return new Configuration(
        name, sparsity, Arrangement.BUNDLED, Rearrangement.KEEP, Resident.WINDOW, MERGED);
  }

  /** The whole method less one part each; without merging it is the ladder's last rung but one. */
  static List<Configuration> leaveOneOut(Sparsity sparsity) {
    Arrangement bundles = Arrangement.BUNDLED;
    Rearrangement ordered = Rearrangement.KEEP;
    return List.of(
        new Configuration("without prediction", Sparsity.DENSE, bundles, ordered, Resident.WINDOW,
            MERGED),
        new Configuration("without bundles", sparsity, Arrangement.SPLIT, ordered, Resident.WINDOW,
            MERGED),
        new Configuration("without window", sparsity, bundles, ordered, Resident.PINNED, MERGED),
        new Configuration(
            "without order", sparsity, bundles, Rearrangement.IDENTITY, Resident.WINDOW, MERGED),
        new Configuration("without merging", sparsity, bundles, ordered, Resident.WINDOW, APART));
  }

  /** What a run left: how its slots were used, and what the ledger says. */
  record Streamed(Residency residency, Summary figures) {}

  /** Runs a configuration with slots and predictor in {@code ramShare} of the FFN; no perplexity is measured. */
  Streamed stream(Configuration configuration, double ramShare, Effort effort) {
    try (Engine engine =
        subject.engine(configuration.layout(subject, width), configuration.sparsity())) {
      Residency residency = residency(engine, configuration, ramShare);
      int all = configuration.readsAll() ? options.denseDecodedTokens() : options.decodedTokens();
      int tokens = effort == Effort.FULL ? all : Math.max(8, all / 4);
      int warm =
          configuration.readsAll() ? Math.min(4, options.warmTokens()) : options.warmTokens();
      Summary figures =
          StreamRun.measure(
              engine, residency, configuration.limits(), subject.text(), options.windowTokens(),
              warm, tokens);
      return new Streamed(residency, figures);
    }
  }

  /** A run with the perplexity of its rule and predictor. */
  Rung run(Configuration configuration, double ramShare) {
    Sparsity sparsity = configuration.sparsity();
    Streamed streamed = stream(configuration, ramShare, Effort.FULL);
    return new Rung(
        configuration.name(),
        configuration.arrangement() == Arrangement.SPLIT ? "rows apart" : "bundles",
        configuration.order() == Rearrangement.KEEP ? "co-activation" : "checkpoint",
        sparsity.rule().key(),
        sparsity.predictor().toString(),
        sparsity.cett(),
        streamed.residency().slots(),
        streamed.residency().pinned(),
        configuration.limits().gapBytes() < 0
            ? "none"
            : String.format(Locale.ROOT, "gaps up to %d KiB",
                configuration.limits().gapBytes() / 1024),
        subject.perplexity(sparsity, options.evaluatedTokens()).perplexity(),
        streamed.figures());
  }

  private Residency residency(Engine engine, Configuration configuration, double ramShare) {
    Resident resident = configuration.resident();
    if (resident == Resident.NOBODY) {
      return new Residency(0, 0, Window.auto(), WindowCache.DEFAULT_SEGMENT_BUNDLES);
    }
    long budget = Math.round(MemoryPlan.ffnBytes(engine.store()) * ramShare);
    int slots = MemoryPlan.ofFfn(engine, budget, options.windowTokens()).slots();
    int pinned =
        resident == Resident.PINNED ? slots : (int) Math.round(slots * options.pinnedShare());
    Pinning pinning = configuration.readsAll() ? Pinning.FIRST : Pinning.MOST_FREQUENT;
    return new Residency(slots, pinned, pinning, Window.auto(),
        WindowCache.DEFAULT_SEGMENT_BUNDLES);
  }

  /** Whether a predictor leaves room for at least one slot in {@code ramShare} of the FFN. */
  boolean fits(Sparsity sparsity, double ramShare) {
    Configuration configuration = full("", sparsity);
    try (Engine engine = subject.engine(configuration.layout(subject, width), sparsity)) {
      double predictorShare = engine.predictorBytes() / (double) subject.spec().ffnBytes();
      return predictorShare < ramShare;
    }
  }

  /** All parts of the ladder that a set of rungs shares, for tests. */
  static List<Configuration> all(Sparsity sparsity) {
    List<Configuration> result = new ArrayList<>(steps(sparsity));
    result.addAll(leaveOneOut(sparsity));
    return result;
  }
}
