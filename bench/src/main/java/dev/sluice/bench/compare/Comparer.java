package dev.sluice.bench.compare;

import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Quality;
import dev.sluice.bench.compare.Comparison.Rung;
import dev.sluice.bench.compare.Comparison.Saved;
import dev.sluice.bench.compare.Comparison.Setting;
import dev.sluice.bench.compare.Comparison.Width;
import dev.sluice.bench.compare.Ladder.Configuration;
import dev.sluice.bench.compare.Subject.Sparsity;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Runs the comparison of two models (docs/method.md): ladders at two bundle widths, then what the first saves. */
public final class Comparer {
  private final Options options;
  private final Workers workers;
  private final Progress progress;

  /**
   * How much to measure.
   *
   * @param work folder for the layouts that a comparison needs; they are kept for the next one
   * @param text the held-out text
   * @param evaluatedTokens tokens behind each perplexity of a rung
   * @param matchedTokens tokens on which losses are made equal; at most {@code evaluatedTokens}
   * @param decodedTokens tokens measured per configuration, over all rounds
   * @param rounds how often configurations take turns, each over another part of the text
   * @param denseDecodedTokens the same where every neuron is read
   * @param ramShare slots and predictor as a share of the FFN, for the ladders
   * @param savedShares the same, for the curve of what is saved with padded bundles
   * @param ownWidthSavedShares the same, with bundles as the models have them
   * @param pinnedShare share of the slots that holds the most frequent bundles beside a window
   */
  public record Options(
      Path work, String text, String textName, Backend backend, int windowTokens,
      int evaluatedTokens, int matchedTokens,
      int decodedTokens, int rounds, int warmTokens, int denseDecodedTokens, double ramShare,
      List<Double> savedShares,
      List<Double> ownWidthSavedShares, double pinnedShare) {}

  public Comparer(Options options, Workers workers, Progress progress) {
    this.options = options;
    this.workers = workers;
    this.progress = progress;
  }

  /**
   * Compares two bundled stores.
   *
   * @throws BadInputException if a store was not bundled from a trace, or has no tokenizer
   */
  public Comparison compare(String firstName, Path first, String secondName, Path second) {
    try (Subject a = subject(firstName, first);
        Subject b = subject(secondName, second)) {
      List<ModelResult> models = List.of(model(a), model(b));
      Savings savings = new Savings(options, progress);
      List<Saved> saved = new ArrayList<>();
      for (Ladder.BundleWidth width : Ladder.BundleWidth.values()) {
        saved.addAll(savings.measure(a, b, width));
      }
      return new Comparison(setting(a), models, saved);
    }
  }

  Subject subject(String name, Path folder) {
    Store store = Store.open(folder);
    try {
      byte[] json =
          store
              .tokenizerJson()
              .orElseThrow(
                  () -> new BadInputException(folder, "it has no tokenizer",
                      "import a checkpoint that has one"));
      int[] text = Tokenizer.parse(json, folder.toString()).encode(options.text);
      int decoded = (options.warmTokens + options.decodedTokens) * options.rounds;
      if (text.length < Math.max(options.windowTokens, decoded)) {
        throw new BadInputException(
            options.textName, "it has only " + text.length + " tokens", "give a longer text");
      }
      return new Subject(
          name, store, new Variants(store, options.work), workers, options.backend, text,
          options.windowTokens);
    } catch (RuntimeException | Error e) {
      store.close();
      throw e;
    }
  }

  private Setting setting(Subject subject) {
    String device;
    Configuration dense = Ladder.dense();
    try (Engine engine =
        subject.engine(dense.layout(subject, Ladder.BundleWidth.OWN), dense.sparsity())) {
      device = StreamRun.device(engine, Ladder.MERGED);
    }
    return new Setting(
        "sluice compare",
        device,
        System.getProperty("os.arch") + ", " + workers.threads() + " threads, "
            + Kernels.best().name()
            + " kernels",
        options.textName,
        Math.min(options.evaluatedTokens, subject.text().length) / options.windowTokens
            * options.windowTokens,
        Math.min(options.matchedTokens, subject.text().length) / options.windowTokens
            * options.windowTokens,
        options.decodedTokens,
        options.warmTokens,
        options.denseDecodedTokens,
        options.ramShare,
        options.pinnedShare);
  }

  private ModelResult model(Subject subject) {
    ModelSpec spec = subject.spec();
    List<Quality> rules = rules(subject);
    Quality dense = rules.getFirst();
    Sparsity usual = usualSparsity(subject);
    List<Width> widths = new ArrayList<>();
    for (Ladder.BundleWidth width : Ladder.BundleWidth.values()) {
      widths.add(width(subject, width, usual));
    }
    return new ModelResult(
        subject.name(),
        describe(spec),
        spec.layers(),
        spec.feedForward(),
        spec.hidden(),
        spec.ffnBytes(),
        spec.bundleBytes(),
        dense.perplexity(),
        dense.nats(),
        subject.onePercentCett(ActiveRule.OUTPUT),
        rules,
        widths);
  }

  private List<Quality> rules(Subject subject) {
    List<Sparsity> wanted = new ArrayList<>();
    wanted.add(Sparsity.DENSE);
    if (!subject.gated()) {
      wanted.add(new Sparsity(ActiveRule.EXACT, 0, subject.usualCopy()));
    }
    for (ActiveRule rule : subject.rules()) {
      wanted.add(new Sparsity(rule, subject.onePercentCett(rule), PredictorChoice.ORACLE));
      wanted.add(new Sparsity(rule, subject.onePercentCett(rule), subject.usualCopy()));
    }
    List<Quality> result = new ArrayList<>();
    for (Sparsity sparsity : wanted) {
      progress.report("perplexity of " + subject.name(), result.size(), wanted.size());
      result.add(subject.quality(sparsity, options.evaluatedTokens));
    }
    progress.report("perplexity of " + subject.name(), wanted.size(), wanted.size());
    return result;
  }

  /** What the ladder runs: the output rule at CETT-PPL-1 %, foreseen by the usual quantised copy. */
  private static Sparsity usualSparsity(Subject subject) {
    return new Sparsity(
        ActiveRule.OUTPUT, subject.onePercentCett(ActiveRule.OUTPUT), subject.usualCopy());
  }

  private Width width(Subject subject, Ladder.BundleWidth width, Sparsity usual) {
    Ladder ladder = new Ladder(subject, width, options);
    List<Configuration> steps = Ladder.steps(usual);
    List<Configuration> without = Ladder.leaveOneOut(usual);
    List<Configuration> all = new ArrayList<>(steps);
    all.addAll(without);
    String stage =
        "ladder of " + subject.name() + (width == Ladder.BundleWidth.PADDED ? ", padded" : "");
    int runs = all.size() * options.rounds;
    List<Rung> rungs =
        ladder.run(all, options.ramShare, done -> progress.report(stage, done, runs));
    int bundleBytesOnDisk = width.strideBytes(subject);
    long ffn = (long) subject.spec().layers() * subject.spec().feedForward() * bundleBytesOnDisk;
    return new Width(
        width == Ladder.BundleWidth.PADDED,
        bundleBytesOnDisk,
        ffn,
        Math.round(ffn * options.ramShare),
        rungs.subList(0, steps.size()),
        rungs.subList(steps.size(), rungs.size()));
  }

  private static String describe(ModelSpec spec) {
    String act =
        switch (spec.activation()) {
          case RELU -> "ReLU";
          case RELU2 -> "ReLU²";
          case SILU -> "SiLU";
          case GELU_TANH -> "GELU";
        };
    return act + ", " + spec.form().name().toLowerCase(Locale.ROOT);
  }
}
