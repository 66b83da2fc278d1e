package dev.sluice.bench.compare;

import dev.sluice.bench.compare.Comparison.Rung;
import dev.sluice.bench.compare.Subject.Sparsity;
import dev.sluice.bench.compare.Variants.Layout;
import dev.sluice.bundler.pack.Repacker.Rearrangement;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ffn.Residency.Pinning;
import dev.sluice.engine.ledger.Ledger;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.RunShape;
import dev.sluice.storage.cache.Window;
import dev.sluice.storage.cache.WindowCache;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.Arrangement;
import dev.sluice.storage.store.PageChecksums;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntConsumer;

/** The configurations of the ladder, and one real run of each. */
final class Ladder {
  /** Joins ranges over gaps that a flash device reads faster than it takes another request. */
  static final ReadPlanner.Limits MERGED =
      new ReadPlanner.Limits(PageChecksums.PAGE_BYTES, 16 * 1024, 512 * 1024);

  private static final ReadPlanner.Limits APART = MERGED.unmerged();

  /** Hidden width of the 4.5B model (AFM) whose float16 bundles padded ones imitate. */
  private static final int WIDE_ROW_BYTES = 2560 * 2;

  // Most slots are pinned, so a few tokens are enough to tell configurations apart.
  private static final int SKETCH_WARM_TOKENS = 8;
  private static final int SKETCH_TOKENS = 16;

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
    Sparsity unforeseen = new Sparsity(sparsity.rule(), sparsity.cett(), PredictorChoice.ALL);
    return List.of(
        new Configuration("without prediction", unforeseen, bundles, ordered, Resident.WINDOW,
            MERGED),
        new Configuration("without bundles", sparsity, Arrangement.SPLIT, ordered, Resident.WINDOW,
            MERGED),
        new Configuration("without window", sparsity, bundles, ordered, Resident.PINNED, MERGED),
        new Configuration(
            "without order", sparsity, bundles, Rearrangement.IDENTITY, Resident.WINDOW, MERGED),
        new Configuration("without merging", sparsity, bundles, ordered, Resident.WINDOW, APART));
  }

  /** What runs of a configuration left: how its slots were used, and what the ledgers say. */
  record Streamed(Residency residency, Ledger ledger) {
    Summary figures() {
      return Summary.of(ledger);
    }
  }

  /** One short run with slots and predictor in {@code ramShare} of the FFN, enough to choose between configurations. */
  Summary sketch(Configuration configuration, double ramShare) {
    return stream(configuration, ramShare, 0, SKETCH_WARM_TOKENS, SKETCH_TOKENS).figures();
  }

  /** A full run of one configuration; see {@link #streamAll}. */
  Streamed streamOne(Configuration configuration, double ramShare) {
    return streamAll(List.of(configuration), ramShare, _ -> {}).getFirst();
  }

  /**
   * Runs all configurations in turn, several rounds over different parts of the text, so that a device that drifts
   * drifts for all of them.
   *
   * @param done hears how many runs are over
   */
  List<Streamed> streamAll(List<Configuration> configurations, double ramShare, IntConsumer done) {
    List<Streamed> all = new ArrayList<>();
    for (int round = 0; round < options.rounds(); round++) {
      for (int k = 0; k < configurations.size(); k++) {
        Configuration configuration = configurations.get(k);
        int tokens =
            configuration.readsAll() ? options.denseDecodedTokens() : options.decodedTokens();
        Streamed streamed =
            stream(
                configuration, ramShare, round, options.warmTokens(),
                Math.max(4, tokens / options.rounds()));
        if (round == 0) {
          all.add(streamed);
        } else {
          all.get(k).ledger().append(streamed.ledger());
        }
        done.accept(round * configurations.size() + k + 1);
      }
    }
    return all;
  }

  private Streamed stream(
      Configuration configuration, double ramShare, int round, int warmTokens, int tokens) {
    try (Engine engine =
        subject.engine(configuration.layout(subject, width), configuration.sparsity())) {
      Residency residency = residency(engine, configuration, ramShare);
      int warm = configuration.readsAll() ? Math.min(4, warmTokens) : warmTokens;
      int first = round * options.windowTokens();
      Ledger ledger =
          StreamRun.measure(
              engine, residency, configuration.limits(), subject.text(), first,
              options.windowTokens(), warm, tokens);
      return new Streamed(residency, ledger);
    }
  }

  /** Runs with the perplexity of their rule and predictor. */
  List<Rung> run(List<Configuration> configurations, double ramShare, IntConsumer done) {
    List<Streamed> streamed = streamAll(configurations, ramShare, done);
    List<Rung> rungs = new ArrayList<>();
    for (int k = 0; k < configurations.size(); k++) {
      rungs.add(rung(configurations.get(k), streamed.get(k)));
    }
    return rungs;
  }

  private Rung rung(Configuration configuration, Streamed streamed) {
    Sparsity sparsity = configuration.sparsity();
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
            ? "shared pages only"
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
    int slots = MemoryPlan.ofFfn(engine, budget,
        new RunShape(options.windowTokens(), options.windowTokens(), engine.workers().threads()))
        .slots();
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
}
