package dev.sluice.bench.compare;

import dev.sluice.bench.compare.Comparison.Quality;
import dev.sluice.bench.compare.Variants.Layout;
import dev.sluice.engine.eval.LayerShares;
import dev.sluice.engine.eval.Perplexity;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.SparsityChoice;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreKeys;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** One model of a comparison: its store, its layouts, and what is known of its quality. */
final class Subject implements AutoCloseable {
  private static final double HIGHEST_CETT = 0.4;
  private static final int CETT_STEPS = 8;
  private static final double NATS_TOLERANCE = 5e-4;

  private final String name;
  private final Store store;
  private final Variants variants;
  private final Workers workers;
  private final Backend backend;
  private final int[] text;
  private final int windowTokens;
  private final Map<String, Perplexity.Result> measured = new HashMap<>();

  /** How neurons are chosen: a rule at a CETT target, foreseen by a predictor. */
  record Sparsity(ActiveRule rule, double cett, PredictorChoice predictor) {
    static final Sparsity DENSE = new Sparsity(ActiveRule.EXACT, 0, PredictorChoice.ALL);
  }

  /**
   * @param store bundled, with thresholds and predictors
   * @param text the held-out text's tokens
   */
  Subject(String name, Store store, Variants variants, Workers workers, Backend backend, int[] text,
      int windowTokens) {
    if (!SparsityChoice.hasThresholds(store)) {
      throw new BadInputException(
          store.folder(), "it has no thresholds yet",
          "run `sluice trace` on it, then `sluice bundle`");
    }
    this.name = name;
    this.store = store;
    this.variants = variants;
    this.workers = workers;
    this.backend = backend;
    this.text = text;
    this.windowTokens = windowTokens;
  }

  String name() {
    return name;
  }

  ModelSpec spec() {
    return store.spec();
  }

  int[] text() {
    return text;
  }

  boolean gated() {
    return spec().form() == FfnForm.GATED;
  }

  /** Rules that can decide a neuron's activity. */
  List<ActiveRule> rules() {
    return gated() ? List.of(ActiveRule.OUTPUT, ActiveRule.GATE) : List.of(ActiveRule.OUTPUT);
  }

  double onePercentCett(ActiveRule rule) {
    return SparsityChoice.onePercentTarget(store, rule);
  }

  /** Quantised copies that the store has, most bits first. */
  List<PredictorChoice> copies() {
    return List.of(8, 4, 2, 1).stream()
        .map(PredictorChoice::quantised)
        .filter(choice -> store.blobKeys().contains(StoreKeys.quantised(choice.bits())))
        .toList();
  }

  /**
   * The copy that ladders use: 4 bits, or the nearest the store has.
   *
   * @throws BadInputException if it has none
   */
  PredictorChoice usualCopy() {
    List<PredictorChoice> copies = copies();
    if (copies.isEmpty()) {
      throw new BadInputException(
          store.folder(), "it has no predictor", "bundle it with --predictor-bits 4");
    }
    PredictorChoice four = PredictorChoice.quantised(4);
    return copies.contains(four) ? four : copies.getLast();
  }

  /** An engine on one layout; the caller closes it. */
  Engine engine(Layout layout, Sparsity sparsity) {
    Store variant = variants.store(layout);
    return new Engine(variant, workers, backend, activity(sparsity), sparsity.predictor());
  }

  private Activity activity(Sparsity sparsity) {
    return SparsityChoice.resolve(
        store,
        sparsity.rule(),
        sparsity.rule() == ActiveRule.EXACT ? OptionalDouble.empty()
            : OptionalDouble.of(sparsity.cett()));
  }

  /** Perplexity over the first {@code tokens} tokens of the text; measured once. */
  Perplexity.Result perplexity(Sparsity sparsity, int tokens) {
    return measured.computeIfAbsent(
        sparsity + "/" + tokens,
        _ -> {
          try (
              Engine engine =
                  new Engine(store, workers, backend, activity(sparsity), sparsity.predictor());
              LayerStream layers = engine.openLayers()) {
            return engine
                .perplexity(layers, windowTokens)
                .measure(
                    Arrays.copyOf(text, Math.min(tokens, text.length)),
                    windowTokens,
                    engine.activity(),
                    engine.blockPredictor(),
                    ProgressListener.SILENT);
          }
        });
  }

  Quality quality(Sparsity sparsity, int tokens) {
    Perplexity.Result result = perplexity(sparsity, tokens);
    double active = LayerShares.meanActive(result.layers());
    double all = result.layers().stream().mapToDouble(layer -> layer.active()).sum();
    double both =
        result.layers().stream().mapToDouble(layer -> layer.active() * layer.countRecall()).sum();
    return new Quality(
        sparsity.rule().key(),
        sparsity.predictor().toString(),
        sparsity.cett(),
        result.perplexity(),
        result.nats(),
        result.accuracy(),
        active,
        switch (sparsity.predictor().kind()) {
          case ALL -> 1;
          case ORACLE, GATE -> active;
          case QUANTISED, LOW_RANK, TRAINED, TRAINED_TOP, TRAINED_RELU, CASCADE, CERTIFIED ->
              LayerShares.meanPredicted(result.layers());
        },
        LayerShares.magnitudeRecall(result.layers()),
        all == 0 ? 1 : both / all,
        predictorBytes(sparsity),
        result.layers().stream().map(LayerShares::active).toList());
  }

  private long predictorBytes(Sparsity sparsity) {
    try (Engine engine =
        new Engine(store, workers, backend, activity(sparsity), sparsity.predictor())) {
      return engine.predictorBytes();
    }
  }

  /**
   * The largest CETT target at which the loss stays within {@code nats}, sets taken by the rule alone, to within
   * {@value #NATS_TOLERANCE} nats; 0 if none does. Loss grows smoothly with the target, so the bracket is cut where the chord
   * meets the loss wanted.
   */
  double cettAtLoss(ActiveRule rule, double nats, int tokens) {
    double low = 0;
    double lowNats = perplexity(Sparsity.DENSE, tokens).nats();
    double high = HIGHEST_CETT;
    double highNats = Double.NaN;
    if (lowNats > nats) {
      return 0;
    }
    double next = onePercentCett(rule);
    for (int step = 0; step < CETT_STEPS && nats - lowNats > NATS_TOLERANCE; step++) {
      double at = perplexity(new Sparsity(rule, next, PredictorChoice.ALL), tokens).nats();
      if (at <= nats) {
        low = next;
        lowNats = at;
      } else {
        high = next;
        highNats = at;
      }
      double share = Double.isNaN(highNats) ? 0.5 : (nats - lowNats) / (highNats - lowNats);
      next = low + (high - low) * Math.clamp(share, 0.1, 0.9);
    }
    return low;
  }

  @Override
  public void close() {
    variants.close();
    store.close();
  }
}
