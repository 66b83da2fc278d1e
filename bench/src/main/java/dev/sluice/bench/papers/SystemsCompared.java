package dev.sluice.bench.papers;

import dev.sluice.bench.compare.StoreRuns;
import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.engine.eval.WindowedQuality;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.ledger.Quantity;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.MemoryPlan;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Preset;
import dev.sluice.engine.session.RunShape;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.plan.ReadPlanner;
import dev.sluice.storage.store.ProgressListener;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Other systems' ways beside ours, each a preset of {@code sluice run}: the same store, the same RAM for bundles and predictor, the
 * same tokens, real reads, in turns.
 */
final class SystemsCompared implements Experiment {
  private static final double RAM_SHARE = 0.5;
  private static final int ROUNDS = 2;
  private static final int WARM_TOKENS = 16;

  /** Bundles below a page stand for wider ones. */
  private static final int NARROW_BYTES = 4096;

  static final ReadPlanner.Limits USUAL =
      new ReadPlanner.Limits(4096, 16 << 10, 512 << 10);

  @Override
  public String key() {
    return "systems";
  }

  @Override
  public int weight() {
    return 20;
  }

  /**
   * One preset on one model. Per token: bytes, requests, and milliseconds in all, waiting for reads, and computing.
   *
   * @param tokenMillis of the measured tokens, in order
   * @param hits share of wanted bundles found in slots, by token
   */
  record Outcome(
      String preset, String predictor, double bytes, double requests, double ioMillis,
      double computeMillis, List<Double> tokenMillis, List<Double> hits, double perplexity,
      double divergenceNats) {
    Outcome {
      tokenMillis = List.copyOf(tokenMillis);
      hits = List.copyOf(hits);
    }

    double meanMillis() {
      return tokenMillis.stream().mapToDouble(m -> m).average().orElseThrow();
    }

    double millis(double share) {
      return quantile(tokenMillis, share);
    }

    double hit(double share) {
      return quantile(hits, share);
    }

    private static double quantile(List<Double> values, double share) {
      return PairedBootstrap.quantile(values.stream().mapToDouble(v -> v).sorted().toArray(),
          share);
    }
  }

  /** All presets on one model. */
  record Outcomes(List<Outcome> all) {
    Outcomes {
      all = List.copyOf(all);
    }
  }

  private record Case(Measurements model, Outcomes outcomes) {}

  @Override
  public Findings run(Laboratory laboratory) {
    laboratory.expect(laboratory.models().size() + 1);
    List<Case> cases = new ArrayList<>();
    for (Measurements model : laboratory.models()) {
      laboratory.step(model.model().name());
      int decoded = laboratory.effort().ioTokens();
      cases.add(new Case(model, model.keep("systems", model.heldOut(),
          List.of("presets " + definitions(model.model().store()), "tokens " + decoded,
              "rounds " + ROUNDS, "judged " + model.effort().predictorTokens(),
              "ram " + RAM_SHARE, "predictors " + laboratory.effort().predictors()),
          Outcomes.class, () -> measure(laboratory, model, decoded))));
    }
    laboratory.step("OPT-6.7B");
    PublishedSteps steps = PublishedSteps.replay(laboratory);
    return new Findings(key(), "Systems as configurations", List.of(
        String.format(Locale.ROOT,
            "Each preset predicts, pins, caches and merges as its paper does, as far as docs/presets.md says; kernels, formats, "
                + "thresholds (CETT-PPL-1 %%, gate rule where the gate is resident, else output rule) and the store's layout "
                + "are the same for all, bundles padded to the width of a large model's where they are smaller than a page. RAM for bundles and predictor: %.0f %% of the FFN. Tokens of the held-out text, "
                + "teacher-forced, %d rounds in turns, %d warm tokens before each. Models are small, so a token's time is "
                + "mostly the waiting for reads.",
            100 * RAM_SHARE, ROUNDS, WARM_TOKENS),
        winners(cases),
        leftOut(cases),
        String.format(Locale.ROOT, "Perplexity and KL are over at most %,d tokens. ",
            laboratory.effort().predictorTokens())
            + "dip-ca's perplexity is of decoding token by token with its cache, windows of 256 from an empty one; the others' of "
            + "blocks.",
        steps.sentence()).stream().filter(sentence -> !sentence.isEmpty()).toList(),
        List.of(table(cases), steps.table()), List.<Chart>of());
  }

  /** A preset that is redefined is measured anew. */
  private static List<String> definitions(Store store) {
    return Arrays.stream(Preset.values())
        .map(preset -> preset.key() + " " + preset.pinnedShare() + " " + preset.policy() + " "
            + preset.merging(USUAL) + " "
            + preset.predictor(store).map(PredictorChoice::toString).orElse("default"))
        .toList();
  }

  /** Empty if no preset is. */
  private static String leftOut(List<Case> cases) {
    List<String> missing = new ArrayList<>();
    for (Preset preset : Preset.values()) {
      List<String> without = cases.stream()
          .filter(one -> one.outcomes.all.stream().noneMatch(o -> o.preset.equals(preset.key())))
          .map(one -> one.model.model().name()).toList();
      if (!without.isEmpty()) {
        missing.add(preset.key() + " (" + String.join(", ", without) + ")");
      }
    }
    return missing.isEmpty() ? ""
        : "Left out, for the store has not what they are about: " + String.join("; ", missing)
            + ". The quick run fits no experts.";
  }

  private static String winners(List<Case> cases) {
    List<String> parts = new ArrayList<>();
    for (Case one : cases) {
      Outcome best = one.outcomes.all.stream().min(Comparator.comparingDouble(Outcome::meanMillis))
          .orElseThrow();
      Outcome ours = one.outcomes.all.stream().filter(o -> o.preset.equals(Preset.SLUICE.key()))
          .findFirst().orElseThrow();
      parts.add(String.format(Locale.ROOT, "%s: %s (%.2f ms, perplexity %.2f; ours %.2f ms, %.2f)",
          one.model.model().name(), best.preset, best.meanMillis(), best.perplexity,
          ours.meanMillis(), ours.perplexity));
    }
    return "Quickest: " + String.join("; ", parts) + ".";
  }

  private static ResultTable table(List<Case> cases) {
    Rows rows = new Rows();
    for (Case one : cases) {
      for (Outcome outcome : one.outcomes.all) {
        rows.add(one.model.model().name(), outcome.preset, outcome.predictor, outcome.bytes / 1e3,
            outcome.requests, outcome.meanMillis(), outcome.ioMillis, outcome.computeMillis,
            outcome.millis(0.99),
            100 * outcome.hits.stream().mapToDouble(h -> h).average().orElseThrow(),
            100 * outcome.hit(0.01), outcome.perplexity, outcome.divergenceNats);
      }
    }
    return new ResultTable("systems", "Systems at the same RAM", Place.EVERYWHERE, List.of(
        Column.text("model", "model"), Column.text("preset", "preset"),
        Column.text("predictor", "predictor").ranked(4),
        Column.figure("kilobytes_per_token", "KB per token", "KB", Digits.COUNT),
        Column.figure("requests_per_token", "requests per token", "reqs", Digits.COUNT).ranked(2),
        Column.figure("token_ms", "ms per token", "ms", Digits.TWO),
        Column.figure("io_ms_per_token", "I/O, ms", "I/O\nms", Digits.TWO)
            .meaning("Submitting and waiting."),
        Column.figure("compute_ms_per_token", "FFN arithmetic, ms", "FFN\nms", Digits.TWO)
            .ranked(3),
        Column.figure("token_p99_ms", "P99, ms", "P99\nms", Digits.TWO).ranked(1),
        Column.figure("hit_percent", "hit rate, %", "hits\n%", Digits.ONE),
        Column.figure("hit_p99_percent", "worst 1 % of tokens, %", "worst\n%", Digits.ONE)
            .ranked(3).meaning("The hit rate that 99 % of tokens reach."),
        Column.figure("perplexity", "perplexity", "ppl", Digits.TWO),
        Column.figure("kl_nats_per_token", "KL from dense, nats", "KL\nnats", Digits.FOUR)
            .ranked(2)),
        rows.all());
  }

  /** On a store with all predictors, its bundles as wide as those of a large model. */
  private static Outcomes measure(Laboratory laboratory, Measurements model, int decoded) {
    ModelSource source = model.model().source();
    double recall = laboratory.effort().recalls().getLast();
    Path folder = source.origin()
        .map(origin -> PredictorStores.folder(laboratory.work(), model, origin, recall))
        .orElse(source.store());
    source.origin().ifPresent(origin -> PredictorStores.make(folder, model, origin, recall));
    try (StoreRuns runs = model.runs(laboratory.work().resolve("layouts"), folder, decoded)) {
      if (model.model().spec().bundleBytes() < NARROW_BYTES) {
        return measure(model, runs.padded(), decoded);
      }
      try (Store store = Store.open(folder)) {
        return measure(model, store, decoded);
      }
    }
  }

  private static Outcomes measure(Measurements model, Store store, int decoded) {
    PaperModel of = model.model();
    ActiveRule rule = store.spec().hasResidentGate() ? ActiveRule.GATE : ActiveRule.OUTPUT;
    Activity activity = of.activity(of.onePercentSelection(rule));
    List<List<Outcome>> rounds = new ArrayList<>();
    Quality quality = new Quality(of, store, of.tokens(model.effort().predictorTokens()));
    List<Preset> presets =
        Arrays.stream(Preset.values()).filter(preset -> preset.isComplete(store)).toList();
    for (int round = 0; round < ROUNDS; round++) {
      Outcome[] outcomes = new Outcome[presets.size()];
      int from = round * (WARM_TOKENS + decoded) % model.heldOut().length;
      List<Preset> turns = new ArrayList<>(presets);
      if (round % 2 != 0) {
        Collections.reverse(turns); // a device that drifts drifts for all
      }
      for (Preset preset : turns) {
        PredictorChoice predictor =
            preset.predictor(store).orElse(store.spec().hasResidentGate() ? PredictorChoice.GATE
                : PredictorChoice.quantised(4));
        outcomes[presets.indexOf(preset)] =
            decode(of, store, preset, predictor, activity, model.heldOut(), from, decoded,
                quality);
      }
      rounds.add(List.of(outcomes));
    }
    List<Outcome> all = new ArrayList<>();
    for (int p = 0; p < presets.size(); p++) {
      int at = p;
      all.add(together(rounds.stream().map(round -> round.get(at)).toList()));
    }
    return new Outcomes(all);
  }

  /** Quality by predictor, each measured once. Dense presets leave nothing out, so their rule is the exact one. */
  private static final class Quality {
    private final PaperModel model;
    private final Store store;
    private final int[] tokens;
    private final List<String> known = new ArrayList<>();
    private final List<DecodedQuality> results = new ArrayList<>();

    Quality(PaperModel model, Store store, int[] tokens) {
      this.model = model;
      this.store = store;
      this.tokens = tokens;
    }

    DecodedQuality of(Preset preset, PredictorChoice predictor, Activity activity,
        Residency residency) {
      int at = known.indexOf(predictor.toString());
      if (at >= 0) {
        return results.get(at);
      }
      DecodedQuality result = predictor.kind() == PredictorChoice.Kind.DIP_CA
          ? decoded(preset, predictor, activity, residency) : inBlocks(predictor, activity);
      known.add(predictor.toString());
      results.add(result);
      return result;
    }

    /** Who reads does not matter to it, so that the page cache may. */
    private DecodedQuality decoded(Preset preset, PredictorChoice predictor, Activity activity,
        Residency residency) {
      int layers = store.spec().layers();
      int bundles = layers * store.spec().feedForward();
      Residency everything = new Residency(bundles, bundles, Residency.Pinning.FIRST,
          residency.policy(), residency.spillPlaces());
      try (Engine all = new Engine(store, model.workers(), Backend.MMAP, Activity.exact(layers),
          PredictorChoice.ALL);
          Engine engine =
              new Engine(store, model.workers(), Backend.MMAP, activity, predictor);
          Session dense =
              new Session(all, Effort.WINDOW_TOKENS, everything, preset.merging(USUAL));
          Session session =
              new Session(engine, Effort.WINDOW_TOKENS, residency, preset.merging(USUAL))) {
        return DecodedQuality.measure(dense, session, tokens, Effort.WINDOW_TOKENS,
            store.spec().vocabulary());
      }
    }

    private DecodedQuality inBlocks(PredictorChoice predictor, Activity activity) {
      try (Engine engine =
          new Engine(store, model.workers(), model.backend(), activity, predictor);
          LayerStream layers = engine.openLayers()) {
        WindowedQuality.Result result =
            engine.windowedQuality(layers, tokens, Effort.WINDOW_TOKENS)
                .measure(activity, engine.blockPredictor(), ProgressListener.SILENT);
        return new DecodedQuality(result.perplexity(), result.windows().stream()
            .mapToDouble(WindowedQuality.Window::divergenceNats).average().orElseThrow());
      }
    }
  }

  private static Outcome decode(PaperModel of, Store store, Preset preset,
      PredictorChoice predictor,
      Activity thresholds, int[] tokens, int from, int decoded, Quality quality) {
    boolean dense = predictor.kind() == PredictorChoice.Kind.ALL;
    Activity activity = dense ? Activity.exact(of.spec().layers()) : thresholds;
    try (Engine engine =
        new Engine(store, of.workers(), of.backend(), activity, predictor)) {
      RunShape shape =
          new RunShape(Effort.WINDOW_TOKENS, 1, of.workers().threads(), preset.policy());
      MemoryPlan plan = MemoryPlan.ofFfn(engine,
          Math.round(RAM_SHARE * MemoryPlan.ffnBytes(store)), shape);
      Residency residency = new Residency(plan.slots(),
          (int) Math.round(preset.pinnedShare() * plan.slots()), preset.pinning(),
          preset.policy(), plan.needs().spillPlaces());
      DecodedQuality judged = quality.of(preset, predictor, activity, residency);
      try (Session session = new Session(engine, Effort.WINDOW_TOKENS, residency,
          preset.merging(USUAL))) {
        List<Double> hits = new ArrayList<>();
        long seen = 0;
        long found = 0;
        for (int t = 0; t < WARM_TOKENS + decoded; t++) {
          if (t == WARM_TOKENS) {
            session.ledger().clear();
            seen = 0;
            found = 0;
          }
          if (session.position() == Effort.WINDOW_TOKENS) {
            session.restart();
          }
          session.step(tokens[(from + t) % tokens.length]);
          if (t >= WARM_TOKENS) {
            long hit = session.ledger().total(Quantity.HITS);
            long all = hit + session.ledger().total(Quantity.MISSES);
            hits.add(all == seen ? 1 : (double) (hit - found) / (all - seen));
            found = hit;
            seen = all;
          }
        }
        double[] millis = new double[decoded];
        Arrays.setAll(millis, t -> session.ledger().tokenNanos(t) / 1e6);
        return new Outcome(preset.key(), predictor.toString(),
            perToken(session, Quantity.BYTES_READ, decoded),
            perToken(session, Quantity.REQUESTS, decoded),
            (perToken(session, Quantity.SUBMIT_NANOS, decoded)
                + perToken(session, Quantity.WAIT_NANOS, decoded)) / 1e6,
            perToken(session, Quantity.COMPUTE_NANOS, decoded) / 1e6,
            Arrays.stream(millis).boxed().toList(), hits, judged.perplexity(),
            judged.divergenceNats());
      }
    }
  }

  private static double perToken(Session session, Quantity quantity, int tokens) {
    return (double) session.ledger().total(quantity) / tokens;
  }

  /** Rounds of one preset as one run: means of what is per token, all tokens together. */
  private static Outcome together(List<Outcome> rounds) {
    Outcome first = rounds.getFirst();
    return new Outcome(first.preset, first.predictor,
        rounds.stream().mapToDouble(Outcome::bytes).average().orElseThrow(),
        rounds.stream().mapToDouble(Outcome::requests).average().orElseThrow(),
        rounds.stream().mapToDouble(Outcome::ioMillis).average().orElseThrow(),
        rounds.stream().mapToDouble(Outcome::computeMillis).average().orElseThrow(),
        rounds.stream().flatMap(one -> one.tokenMillis.stream()).toList(),
        rounds.stream().flatMap(one -> one.hits.stream()).toList(), first.perplexity,
        first.divergenceNats);
  }
}
