package dev.sluice.bench.reference;

import dev.sluice.bundler.order.Order;
import dev.sluice.bundler.pack.Bundler;
import dev.sluice.bundler.predictor.PredictorRecipe;
import dev.sluice.bundler.predictor.QuantisedFit;
import dev.sluice.bundler.quant.Requantisation;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.SparsityChoice;
import dev.sluice.engine.text.TextFile;
import dev.sluice.engine.text.Tokenizer;
import dev.sluice.engine.trace.Tracer;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.trace.TraceReader;
import dev.sluice.storage.trace.TraceWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import tools.jackson.databind.JsonNode;

/**
 * A trained twin, traced over the reference's calibration tokens and bundled, once per JVM. The CETT-PPL-1 % target is taken
 * from the reference instead of being searched: the search has a test of its own.
 */
final class Twin {
  /** A predictor that looks at the block's input, as stores for tests have it. */
  static final String EARLY = "early-low-rank-16";

  /** One that looks at the FFN before. */
  static final String AHEAD = "ahead-low-rank-16";

  static final int WINDOW_TOKENS = 256;
  static final int CALIBRATION_TOKENS = 8_192;
  static final int SEARCH_TOKENS = 16_384;

  private static final long SEED = 1;
  private static final Map<String, Twin> TWINS = new HashMap<>();

  private final String name;
  private final JsonNode expected;
  private final Path trace;
  private final Path bundled;
  private final Tokenizer tokenizer;

  private Twin(String name) {
    this.name = name;
    this.expected = Checkpoints.expected(name);
    this.trace = ScratchFolder.get().resolve(name + ".trace");
    this.bundled = ScratchFolder.get().resolve(name + "-ripple.sluice");
    try (Store store = Store.open(Checkpoints.imported(name));
        Workers workers = new Workers(2);
        Engine engine =
            new Engine(
                store, workers, Backend.AUTO, Activity.exact(store.spec().layers()),
                PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      tokenizer = Tokenizer.parse(store.tokenizerJson().orElseThrow(), name);
      Tracer.Request request =
          new Tracer.Request(
              trace,
              TraceWriter.Existing.REFUSE,
              store.digest(),
              Arrays.copyOf(tokens("calibration"), CALIBRATION_TOKENS),
              new int[0],
              WINDOW_TOKENS,
              ActiveRule.OUTPUT,
              engine.activity(),
              engine.blockPredictor());
      new Tracer(engine.model(), engine.sweep(layers, WINDOW_TOKENS), workers)
          .trace(request, (done, total) -> {});
    }
    bundle(bundled, "ripple");
  }

  static synchronized Twin of(String name) {
    return TWINS.computeIfAbsent(name, Twin::new);
  }

  /** Writes a bundled store in some order, with a 4-bit copy and two predictors that look at earlier states. */
  void bundle(Path target, String order) {
    bundle(target, order,
        List.of(PredictorRecipe.parse("quantised-4"), PredictorRecipe.parse(EARLY),
            PredictorRecipe.parse(AHEAD)),
        QuantisedFit.DEFAULT_RECALL);
  }

  /** Writes a bundled store with some predictors. */
  void bundle(Path target, String order, List<PredictorRecipe> predictors, double recall) {
    bundle(target, order, predictors, recall, Requantisation.NONE);
  }

  /** The same in fewer bits. */
  void bundle(Path target, String order, List<PredictorRecipe> predictors, double recall,
      Requantisation requantisation) {
    try (Store store = Store.open(Checkpoints.imported(name));
        TraceReader reader = TraceReader.open(trace)) {
      Bundler.Request request =
          new Bundler.Request(
              target,
              Checkpoints.BUNDLED,
              Order.named(order, SEED),
              onePercentTarget(ActiveRule.OUTPUT),
              Bundler.FittedTo.ALL,
              predictors,
              recall,
              SEED,
              requantisation);
      Bundler.bundle(store, reader, trace, request, (done, total) -> {});
    }
  }

  JsonNode expected() {
    return expected;
  }

  Path trace() {
    return trace;
  }

  /** The store in Ripple's order. */
  Path bundled() {
    return bundled;
  }

  /** The reference's CETT-PPL-1 % target. */
  double onePercentTarget(ActiveRule rule) {
    return expected.get("thresholded").get("ppl_1pct_" + rule.key()).get("cett_target")
        .doubleValue();
  }

  /** All tokens of {@code models/TEXT.txt}. */
  int[] tokens(String text) {
    return tokenizer.encode(TextFile.read(Checkpoints.ROOT.resolve("models/" + text + ".txt")));
  }

  /** A rule with the thresholds found here, not the reference's. */
  static Activity activity(Store store, ActiveRule rule, double cett) {
    return SparsityChoice.resolve(store, rule, OptionalDouble.of(cett));
  }
}
