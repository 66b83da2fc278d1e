package dev.sluice.bench.papers;

import dev.sluice.bench.compare.StoreRuns;
import dev.sluice.bench.compare.StoreRuns.Part;
import dev.sluice.bench.compare.StoreRuns.Width;
import dev.sluice.bench.papers.DenseRun.LayerFigures;
import dev.sluice.bench.papers.DenseRun.SetFigures;
import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.MissReplay.Reads;
import dev.sluice.bench.papers.PairedBootstrap.Interval;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * What tokens share with those before them (reuse) and neurons with each other (top-average co-activation gap), each beside its
 * nulls, and what that is worth in bytes, requests and time.
 */
final class HardwareAffinity implements Experiment {
  private static final int ROUNDS = 4;
  private static final int WARM_TOKENS = 32;

  /** Tokens that a bundle stays after its use, as in LLM in a flash. */
  private static final int WINDOW = 5;
  private static final List<Part> PARTS =
      List.of(Part.NOTHING, Part.WINDOW, Part.ORDER, Part.RESIDENTS);

  @Override
  public String key() {
    return "affinity";
  }

  @Override
  public int weight() {
    return 20;
  }

  /** Which sets are read. */
  private enum Firings {
    MEASURED("measured"),
    SHUFFLED("tokens shuffled"),
    INDEPENDENT("neurons independent");

    private final String title;

    Firings(String title) {
      this.title = title;
    }

    List<Activity> of(List<Activity> layers) {
      return switch (this) {
        case MEASURED -> layers;
        case SHUFFLED -> layers.stream().map(sets -> sets.shuffledTokens(Effort.SEED)).toList();
        case INDEPENDENT -> IntStream.range(0, layers.size())
            .mapToObj(layer -> layers.get(layer).independent(Effort.SEED + layer)).toList();
      };
    }
  }

  /** How neurons lie. */
  private enum Arranged {
    CHECKPOINT("checkpoint"),
    STORE("co-activation");

    private final String title;

    Arranged(String title) {
      this.title = title;
    }

    List<int[]> of(Store store) {
      return IntStream.range(0, store.spec().layers())
          .mapToObj(layer -> this == STORE ? store.order(layer)
              : IntStream.range(0, store.spec().feedForward()).toArray())
          .toList();
    }
  }

  /** One row of replayed reads. */
  record Replayed(String firings, String order, int windowTokens, Reads reads) {}

  /** Kept as a whole: rows were read in turns. */
  record AllReplayed(List<Replayed> rows, String reader, int bundleBytes) {
    AllReplayed {
      rows = List.copyOf(rows);
    }
  }

  /** One run of the product. */
  record Run(String part, double bytesPerToken, double requestsPerToken, double ioMillisPerToken,
      double hitRate) {
    static Run of(Part part, Summary figures) {
      return new Run(part.title(), figures.bytesReadPerToken(), figures.requestsPerToken(),
          figures.ioMillisPerToken(), figures.hitRate());
    }
  }

  record Runs(List<Run> rows) {
    Runs {
      rows = List.copyOf(rows);
    }
  }

  @Override
  public Findings run(Laboratory laboratory) {
    laboratory.expect(3 * laboratory.models().size());
    Rows reuse = new Rows();
    Rows overTime = new Rows();
    Rows byLayer = new Rows();
    Rows reads = new Rows();
    Rows runs = new Rows();
    List<String> sentences = new ArrayList<>();
    sentences.add(
        "Sets are those of the dense run at the model's CETT-PPL-1 % target. Both measures mostly follow from how often "
            + "each neuron fires, so each stands beside its nulls: independent neurons of the same rates, and the same tokens in "
            + "another order (reuse) or each neuron's firings at other tokens (gap).");
    for (Measurements model : laboratory.models()) {
      String name = model.model().name();
      laboratory.step(name + " sets");
      for (ActiveRule rule : model.model().rules()) {
        if (model.model().onePercent(rule).orElse(0) > 0) {
          SetFigures set = model.denseRun().set(model.model().onePercentSelection(rule));
          Interval interval = reuseInterval(laboratory, set);
          addSummary(reuse, name, rule, set, interval);
          addOverTime(overTime, name, rule, set);
          addLayers(byLayer, name, rule, set);
          sentences.add(summary(model, rule, set, interval));
        }
      }
      if (model.model().onePercent(ActiveRule.OUTPUT).orElse(0) > 0) {
        laboratory.step(name + " reads");
        AllReplayed replayed = replayed(laboratory, model);
        for (Replayed row : replayed.rows) {
          addReads(reads, name, row);
        }
        laboratory.step(name + " runs");
        for (ActiveRule rule : model.model().rules()) {
          for (Run run : runs(laboratory, model, rule).rows) {
            runs.add(name, rule.key(), run.part, run.bytesPerToken / 1e3, run.requestsPerToken,
                run.ioMillisPerToken, 100 * run.hitRate);
          }
        }
      }
    }
    sentences.add(
        "Reads: bundles padded to the float16 width of a 4.5B model (10,240 or 15,360 bytes), direct reads, merged over "
            + "gaps of up to 16 KiB. Replayed: what the rule leaves is read layer after layer by the product's reader, nothing "
            + "else in RAM but, where it says so, what " + WINDOW
            + " tokens before used. Runs: sessions as of sluice run, half "
            + "of the FFN's bytes in RAM for slots and the 4-bit copy that foresees.");
    return new Findings(key(), "Hardware affinity", sentences,
        List.of(summaryTable(reuse), readsTable(reads), runsTable(runs), overTimeTable(overTime),
            layersTable(byLayer)),
        List.of(
            new Chart("Reuse of the token k before", "over_time", "previous_tokens",
                "reuse_percent", List.of("model", "rule"), "gate", Scale.LOGARITHMIC),
            new Chart("New to a window of k tokens", "over_time", "previous_tokens",
                "new_percent", List.of("model", "rule"), "gate", Scale.LOGARITHMIC)));
  }

  static Interval reuseInterval(Laboratory laboratory, SetFigures set) {
    double[] windows =
        set.reuseByWindow().stream().mapToDouble(Double::doubleValue).toArray();
    return laboratory.bootstrap().interval(sample -> PairedBootstrap.mean(windows, sample));
  }

  private static String summary(Measurements model, ActiveRule rule, SetFigures set,
      Interval interval) {
    return String.format(Locale.ROOT,
        "%s, %s rule: %.1f %% of a token's active neurons were active at the token before (95 %%: %.1f to %.1f; independent "
            + "neurons %.1f, shuffled tokens %.1f); the co-activation gap is %.3f (independent %.3f).",
        model.model().name(), rule.key(), 100 * interval.value(), 100 * interval.low(),
        100 * interval.high(), 100 * set.meanOf(LayerFigures::reuseIfIndependent),
        100 * set.meanOf(one -> one.reuseShuffled().getFirst()), set.meanOf(LayerFigures::gap),
        set.meanOf(LayerFigures::gapIfIndependent));
  }

  private static void addSummary(Rows rows, String model, ActiveRule rule, SetFigures set,
      Interval interval) {
    rows.add(model, rule.key(), 100 * set.meanOf(LayerFigures::active),
        100 * interval.value(), 100 * interval.low(), 100 * interval.high(),
        100 * set.meanOf(LayerFigures::reuseIfIndependent),
        100 * set.meanOf(one -> one.reuseShuffled().getFirst()),
        set.meanOf(LayerFigures::gap), set.meanOf(LayerFigures::gapIfIndependent),
        set.meanOf(LayerFigures::gapShuffled));
  }

  private static ResultTable summaryTable(Rows rows) {
    return new ResultTable("summary", "Reuse and co-activation, mean over layers",
        Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.figure("active_percent", "active, %", "active\n%", Digits.ONE),
            Column.figure("reuse_percent", "reuse, %", "reuse\n%", Digits.ONE)
                .meaning("|A_t ∩ A_(t−1)| / |A_t|, mean over tokens with a token before them in "
                    + "their window."),
            Column.figure("low_reuse_percent", "from", "from", Digits.ONE).ranked(3),
            Column.figure("high_reuse_percent", "to", "to", Digits.ONE).ranked(3),
            Column.figure("reuse_independent_percent", "reuse, independent neurons, %",
                "indep.\n%", Digits.ONE).meaning("Σ p² / Σ p of the neurons' rates."),
            Column.figure("reuse_shuffled_percent", "reuse, tokens shuffled, %", "shuff.\n%",
                Digits.ONE),
            Column.figure("gap_share", "co-activation gap", "gap", Digits.FOUR)
                .meaning("Mean over neurons that fired at least 64 times of the largest less the "
                    + "mean of P(j | i) over all other neurons j."),
            Column.figure("gap_independent_share", "gap, independent neurons", "indep.\ngap",
                Digits.FOUR).meaning("The same with P(j) in place of P(j | i)."),
            Column.figure("gap_shuffled_share", "gap, firings shuffled", "shuff.\ngap",
                Digits.FOUR)
                .meaning("The same counted after each neuron's firings were moved to tokens drawn "
                    + "without regard to the others: what chance adds to a maximum.")
                .ranked(1)),
        rows.all());
  }

  private static void addOverTime(Rows rows, String model, ActiveRule rule, SetFigures set) {
    for (int k = 0; k < DenseRun.LAGS.size(); k++) {
      int at = k;
      rows.add(model, rule.key(), DenseRun.LAGS.get(k),
          100 * set.meanOf(one -> one.reuse().get(at)),
          100 * set.meanOf(LayerFigures::reuseIfIndependent),
          100 * set.meanOf(one -> one.reuseShuffled().get(at)),
          100 * set.meanOf(one -> one.newShare().get(at)),
          100 * set.meanOf(one -> one.newShareIfIndependent().get(at)),
          100 * set.meanOf(one -> one.newShareShuffled().get(at)));
    }
  }

  private static ResultTable overTimeTable(Rows rows) {
    return new ResultTable("over_time", "Reuse over 1 to 32 tokens", Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.figure("previous_tokens", "tokens before, k", "k", Digits.COUNT),
            Column.figure("reuse_percent", "reuse of the token k before, %", "reuse\n%",
                Digits.ONE),
            Column.figure("reuse_independent_percent", "reuse, independent, %", "indep.\n%",
                Digits.ONE),
            Column.figure("reuse_shuffled_percent", "reuse, shuffled, %", "shuff.\n%",
                Digits.ONE).ranked(1),
            Column.figure("new_percent", "new to a window of k tokens, %", "new\n%", Digits.TWO)
                .meaning("Of all firings at tokens 33 to 256 of a window, those whose neuron did "
                    + "not fire at any of the k tokens before."),
            Column.figure("new_independent_percent", "new, independent, %", "indep.\n%",
                Digits.TWO).meaning("Σ p (1 − p)^k / Σ p of the neurons' rates."),
            Column.figure("new_shuffled_percent", "new, shuffled, %", "shuff.\n%", Digits.TWO)
                .ranked(1)),
        rows.all());
  }

  private static void addLayers(Rows rows, String model, ActiveRule rule, SetFigures set) {
    for (int layer = 0; layer < set.layers().size(); layer++) {
      LayerFigures one = set.layers().get(layer);
      rows.add(model, rule.key(), layer, one.threshold(), 100 * one.active(),
          100 * one.reuse().getFirst(), 100 * one.reuseIfIndependent(),
          100 * one.reuseShuffled().getFirst(), one.gap(), one.gapIfIndependent(),
          one.gapShuffled());
    }
  }

  private static ResultTable layersTable(Rows rows) {
    return new ResultTable("layers", "Reuse and co-activation by layer", Place.PAGE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.figure("layer_number", "layer", "layer", Digits.COUNT),
            Column.figure("threshold_magnitude", "threshold", "ε", Digits.FOUR),
            Column.figure("active_percent", "active, %", "active\n%", Digits.ONE),
            Column.figure("reuse_percent", "reuse, %", "reuse\n%", Digits.ONE),
            Column.figure("reuse_independent_percent", "reuse, independent neurons, %", "",
                Digits.ONE),
            Column.figure("reuse_shuffled_percent", "reuse, tokens shuffled, %", "", Digits.ONE),
            Column.figure("gap_share", "co-activation gap", "gap", Digits.FOUR),
            Column.figure("gap_independent_share", "gap, independent neurons", "", Digits.FOUR),
            Column.figure("gap_shuffled_share", "gap, firings shuffled", "", Digits.FOUR)),
        rows.all());
  }

  private static AllReplayed replayed(Laboratory laboratory, Measurements model) {
    int count = WARM_TOKENS + laboratory.effort().ioTokens();
    int windows = (count + Effort.WINDOW_TOKENS - 1) / Effort.WINDOW_TOKENS;
    int[] tokens = model.model().tokens(windows * Effort.WINDOW_TOKENS);
    Selection selection = model.model().onePercentSelection(ActiveRule.OUTPUT);
    return model.keep("replayed reads", tokens,
        List.of(selection.toString(), "tokens " + count, "rounds " + ROUNDS,
            "reader " + model.model().backend()),
        AllReplayed.class,
        () -> replay(laboratory, model, tokens, selection, Math.min(count, tokens.length)));
  }

  private static AllReplayed replay(Laboratory laboratory, Measurements model, int[] tokens,
      Selection selection, int count) {
    PaperModel paper = model.model();
    ActiveSets sets = new ActiveSets(paper.spec().feedForward(), tokens.length);
    try (Engine engine = paper.engine(selection, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, Effort.WINDOW_TOKENS);
      sweep.run(Measurements.windows(sweep, tokens), engine.activity(), engine.blockPredictor(),
          sets);
    }
    record Case(Firings firings, Arranged arranged, int window, List<Activity> sets,
        List<int[]> orders) {}
    List<Case> cases = new ArrayList<>();
    for (Firings firings : Firings.values()) {
      List<Activity> read = firings.of(sets.layers());
      for (Arranged arranged : Arranged.values()) {
        for (int window : new int[] {0, WINDOW}) {
          cases.add(new Case(firings, arranged, window, read, arranged.of(paper.store())));
        }
      }
    }
    try (StoreRuns runs = storeRuns(laboratory, model)) {
      Store padded = runs.padded();
      Reads[] sums = new Reads[cases.size()];
      Arrays.fill(sums, Reads.NONE);
      BlockReader reader = BlockReaders.open(padded.ffn().file(), paper.backend());
      String described = reader.describe();
      try (MissReplay replay = new MissReplay(padded, reader, StoreRuns.merging())) {
        // Code and device warm up on tokens that are not counted.
        replay.run(cases.getFirst().sets, cases.getFirst().orders, 0, 0, WARM_TOKENS);
        int each = (count - WARM_TOKENS) / ROUNDS;
        for (int round = 0; round < ROUNDS; round++) {
          int from = WARM_TOKENS + round * each;
          for (int k = 0; k < sums.length; k++) {
            int c = round % 2 == 0 ? k : sums.length - 1 - k; // a drift meets first and last alike
            Case one = cases.get(c);
            sums[c] = sums[c].plus(
                replay.run(one.sets, one.orders, one.window, from, from + each));
          }
        }
      }
      List<Replayed> rows = new ArrayList<>();
      for (int c = 0; c < sums.length; c++) {
        Case one = cases.get(c);
        rows.add(new Replayed(one.firings.title, one.arranged.title, one.window, sums[c]));
      }
      return new AllReplayed(rows, described,
          padded.ffn().layers().getFirst().getFirst().strideBytes());
    }
  }

  private static StoreRuns storeRuns(Laboratory laboratory, Measurements model) {
    return model.runs(laboratory.work().resolve("layouts"), model.model().source().store(),
        laboratory.effort().ioTokens());
  }

  private static void addReads(Rows rows, String model, Replayed row) {
    double tokens = row.reads.tokens();
    rows.add(model, row.firings, row.order, row.windowTokens, row.reads.wantedBundles() / tokens,
        row.reads.bytes() / tokens / 1e3, row.reads.requests() / tokens,
        row.reads.millis() / tokens);
  }

  private static ResultTable readsTable(Rows rows) {
    return new ResultTable("replayed_reads", "Replayed reads", Place.EVERYWHERE,
        List.of(Column.text("model", "model"),
            Column.text("firings", "firings")
                .meaning("Measured, or one of the nulls: the same tokens shuffled, or each "
                    + "neuron's firings shuffled."),
            Column.text("order", "order")
                .meaning("Of neurons on disk: as in the checkpoint, or by co-activation on the "
                    + "calibration text."),
            Column.figure("window_tokens", "window, tokens", "win.", Digits.COUNT)
                .meaning("Bundles used by so many tokens before are in RAM."),
            Column.figure("bundles_per_token", "bundles per token", "bundles", Digits.THREE)
                .ranked(1),
            Column.figure("kb_per_token", "KB per token", "KB/\ntoken", Digits.THREE),
            Column.figure("requests_per_token", "requests per token", "reads/\ntoken",
                Digits.THREE),
            Column.figure("io_ms_per_token", "I/O ms per token", "I/O\nms", Digits.TWO)),
        rows.all());
  }

  /** Runs at the rule's 1 % target; none where it has no target, or the store no 4-bit copy. */
  static Runs runs(Laboratory laboratory, Measurements model, ActiveRule rule) {
    PaperModel paper = model.model();
    PredictorChoice copy = PredictorChoice.quantised(4);
    if (paper.onePercent(rule).orElse(0) == 0
        || !PredictorChoice.of(paper.store()).contains(copy)) {
      return new Runs(List.of());
    }
    double cett = paper.onePercentSelection(rule).cett();
    int decoded = laboratory.effort().ioTokens();
    return model.keep("runs " + rule.key(), model.heldOut(),
        List.of("cett " + cett, "tokens " + decoded, "rounds " + Measurements.ROUNDS,
            "parts " + PARTS,
            "reader " + paper.backend()),
        Runs.class, () -> {
          try (StoreRuns runs = storeRuns(laboratory, model)) {
            List<Summary> figures = runs.measure(rule, cett, copy, Width.PADDED, PARTS);
            return new Runs(IntStream.range(0, PARTS.size())
                .mapToObj(k -> Run.of(PARTS.get(k), figures.get(k))).toList());
          }
        });
  }

  private static ResultTable runsTable(Rows rows) {
    return new ResultTable("runs", "Runs with half of the FFN in RAM", Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.text("run", "run")
                .meaning("The whole method (co-activation order, nine tenths of the slots pinned, "
                    + "a window in the rest), and without parts of it."),
            Column.figure("kb_per_token", "KB per token", "KB/\ntoken", Digits.THREE),
            Column.figure("requests_per_token", "requests per token", "reads/\ntoken",
                Digits.THREE),
            Column.figure("io_ms_per_token", "I/O ms per token", "I/O\nms", Digits.TWO)
                .meaning("Time spent submitting reads and waiting for them."),
            Column.figure("hit_percent", "hit rate, %", "hit\n%", Digits.ONE)),
        rows.all());
  }
}
