package dev.sluice.bench.papers;

import dev.sluice.bench.compare.StoreRuns;
import dev.sluice.bench.compare.StoreRuns.Part;
import dev.sluice.bench.compare.StoreRuns.Width;
import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.ModelSource.Origin;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.bench.predictor.PredictorRow;
import dev.sluice.bench.predictor.PredictorTrial;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.trace.TraceReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * How well active neurons can be foreseen, by whom, for how much RAM, time and reading. Every predictor is the product's own,
 * fitted to the calibration trace at several recalls, and judged on held-out text at the model's 1 % target.
 */
final class Predictivity implements Experiment {
  private static final double WANTED_RECALL = 0.95;
  private static final double WANTED_OF_SPARSITY = 0.8;
  private static final double MOST_RAM = 0.15;
  private static final int IO_TOKENS = 32;

  @Override
  public String key() {
    return "predictivity";
  }

  @Override
  public int weight() {
    return 80;
  }

  /** A row with what it was fitted to keep, NaN where a store came with it, and what runs read per token. */
  record Foreseen(double recall, PredictorRow row, double bytesPerToken, double ioMillisPerToken) {
    double sparsity() {
      return 1 - row.predictedShare();
    }

    /** Share of the true sparsity that is left after the neurons named in vain. */
    double ofTrueSparsity() {
      return sparsity() / (1 - row.activeShare());
    }

    boolean isTrained() {
      return row.predictor().contains("trained");
    }

    boolean meetsTheAim() {
      return row.magnitudeRecall() >= WANTED_RECALL && ofTrueSparsity() >= WANTED_OF_SPARSITY
          && row.ramShare() < MOST_RAM;
    }
  }

  private record Oracle(double perplexity) {}

  /** All rows of a model under a rule. */
  record Foretold(Measurements model, ActiveRule rule, List<Foreseen> rows) {}

  @Override
  public Findings run(Laboratory laboratory) {
    return findings(foretold(laboratory));
  }

  /** What all predictors do on all models; asks for what is not kept yet. */
  static List<Foretold> foretold(Laboratory laboratory) {
    int steps = 0;
    for (Measurements model : laboratory.models()) {
      steps += rules(model).size() * recalls(model).size() * predictors(model).size();
    }
    laboratory.expect(steps);
    List<Foretold> all = new ArrayList<>();
    for (Measurements model : laboratory.models()) {
      for (ActiveRule rule : rules(model)) {
        all.add(new Foretold(model, rule, foresee(laboratory, model, rule)));
      }
    }
    return all;
  }

  private static List<ActiveRule> rules(Measurements model) {
    return model.model().rules().stream()
        .filter(rule -> model.model().onePercent(rule).orElse(0) > 0).toList();
  }

  private static List<Double> recalls(Measurements model) {
    return model.model().source().origin().isPresent() ? model.effort().recalls()
        : List.of(Double.NaN);
  }

  /** Fitted ones, the trained ones with both choices; or those that a store has. */
  private static List<PredictorChoice> predictors(Measurements model) {
    if (model.model().source().origin().isEmpty()) {
      return PredictorChoice.of(model.model().store()).stream()
          .filter(choice -> !choice.equals(PredictorChoice.ALL)).toList();
    }
    List<PredictorChoice> choices = new ArrayList<>();
    for (String name : model.effort().predictors()) {
      PredictorChoice choice = PredictorChoice.parse(name);
      choices.add(choice);
      if (choice.kind() == PredictorChoice.Kind.TRAINED) {
        choices.add(PredictorChoice.parse(name + "-top"));
      }
    }
    return choices;
  }

  private static List<Foreseen> foresee(Laboratory laboratory, Measurements model,
      ActiveRule rule) {
    List<Foreseen> rows = new ArrayList<>();
    Selection selection = model.model().onePercentSelection(rule);
    int[] tokens = model.model().tokens(model.effort().predictorTokens());
    Optional<Origin> origin = model.model().source().origin();
    for (double recall : recalls(model)) {
      Path folder = origin.isPresent()
          ? PredictorStores.folder(laboratory.work(), model, origin.get(), recall)
          : model.model().source().store();
      List<String> fitted = List.of(selection.toString(), "recall " + recall,
          origin.isPresent() ? folder.getFileName().toString() : "its own");
      for (PredictorChoice choice : predictors(model)) {
        laboratory.step(
            String.format(Locale.ROOT, "%s %s %s", model.model().name(), choice, rule.key()));
        List<String> parts = new ArrayList<>(fitted);
        parts.add(choice.toString());
        rows.add(model.keep("foreseen " + choice, tokens, parts, Foreseen.class, () -> {
          origin.ifPresent(from -> PredictorStores.make(folder, model, from, recall));
          return foresee(laboratory, model, selection, folder, recall, choice, fitted, tokens);
        }));
      }
    }
    return rows;
  }

  private static Foreseen foresee(Laboratory laboratory, Measurements model, Selection selection,
      Path folder, double recall, PredictorChoice choice, List<String> fitted, int[] tokens) {
    Optional<Origin> origin = model.model().source().origin();
    PredictorRow row;
    try (Store store = Store.open(folder);
        TraceReader trace = origin.map(Origin::trace).map(TraceReader::open).orElse(null)) {
      PredictorTrial trial = new PredictorTrial(store, Optional.ofNullable(trace),
          model.model().workers(), model.model().activity(selection), tokens);
      double oracle = model.keep("oracle", tokens, fitted, Oracle.class,
          () -> new Oracle(trial.oraclePerplexity())).perplexity;
      row = trial.measure(choice, oracle);
    }
    try (StoreRuns runs =
        model.runs(laboratory.work().resolve("layouts"), folder, IO_TOKENS)) {
      if (!runs.fits(selection.rule(), selection.cett(), choice, Width.OWN)) {
        return new Foreseen(recall, row, Double.NaN, Double.NaN);
      }
      Summary figures = runs.measure(selection.rule(), selection.cett(), choice, Width.OWN,
          List.of(Part.NOTHING)).getFirst();
      return new Foreseen(recall, row, figures.bytesReadPerToken(), figures.ioMillisPerToken());
    }
  }

  private Findings findings(List<Foretold> all) {
    Rows figures = new Rows();
    Rows aims = new Rows();
    List<String> sentences = new ArrayList<>();
    List<Chart> charts = new ArrayList<>();
    sentences.add(
        "Every predictor is fitted to the calibration trace until it keeps a given share of active magnitude on the "
            + "trace's last quarter; what it keeps of held-out text is measured. Active: at the model's CETT-PPL-1 % target of the "
            + "rule. Trained networks are trained for the output rule's sets. KB and I/O ms per token are of runs with half of the "
            + "FFN's bytes in RAM, the predictor's own among them, bundles at their own width; a dash where the predictor leaves no "
            + "slot.");
    for (Foretold one : all) {
      String name = one.model.model().name();
      for (Foreseen row : one.rows) {
        figures.add(name, one.rule.key(), row.row.predictor(), 100 * row.recall,
            100 * row.row.magnitudeRecall(), 100 * row.row.countRecall(),
            100 * (1 - row.row.activeShare()), 100 * row.sparsity(), 100 * row.ofTrueSparsity(),
            100 * row.row.ramShare(), row.row.microsPerLayer(), 100 * row.row.perplexityRise(),
            row.bytesPerToken / 1e3, row.ioMillisPerToken);
      }
      if (one.rule == ActiveRule.OUTPUT) {
        charts.add(new Chart(name + ": recall against predicted sparsity", "predictors",
            "predicted_sparsity_percent", "magnitude_recall_percent", List.of("predictor"), "",
            Scale.LINEAR, Map.of("model", name, "rule", one.rule.key())));
      }
      closest(one.rows).ifPresent(row -> {
        aims.add(name, one.rule.key(), row.row.predictor(), 100 * row.row.magnitudeRecall(),
            100 * row.ofTrueSparsity(), 100 * row.row.ramShare(),
            row.meetsTheAim() ? "yes" : "no");
        if (one.rule == ActiveRule.OUTPUT) {
          sentences.add(sentence(name, row));
        }
      });
    }
    if (aims.all().isEmpty()) {
      sentences.add("No trained network was fitted: a quick run leaves them to the full one.");
      return new Findings(key(), "Predictivity", sentences, List.of(figureTable(figures)), charts);
    }
    return new Findings(key(), "Predictivity", sentences,
        List.of(aimTable(aims), figureTable(figures)), charts);
  }

  private static String sentence(String model, Foreseen row) {
    return String.format(Locale.ROOT,
        "%s: %s recalls %.1f %% of active output magnitude at %.1f %% of the true sparsity with RAM of %.1f %% of the FFN; the aim "
            + "of 95 %% at 80 %% below 15 %% is %s by a trained predictor.",
        model, row.row.predictor(), 100 * row.row.magnitudeRecall(), 100 * row.ofTrueSparsity(),
        100 * row.row.ramShare(), row.meetsTheAim() ? "met" : "not met");
  }

  /** The trained predictor that meets the aim with the most sparsity; if none does, the one of enough recall with the most. */
  private static Optional<Foreseen> closest(List<Foreseen> rows) {
    return rows.stream().filter(Foreseen::isTrained)
        .max(Comparator.comparing(Foreseen::meetsTheAim)
            .thenComparing(row -> row.row.magnitudeRecall() >= WANTED_RECALL)
            .thenComparing(Foreseen::ofTrueSparsity));
  }

  private static ResultTable aimTable(Rows rows) {
    return new ResultTable("aim",
        "Trained predictors: 95 % of magnitude at 80 % of true sparsity, below 15 % of the FFN",
        Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.text("predictor", "predictor"),
            Column.figure("magnitude_recall_percent", "recall of magnitude, %", "recall\n%",
                Digits.ONE),
            Column.figure("of_true_sparsity_percent", "of true sparsity, %", "of true\n%",
                Digits.ONE)
                .meaning("Neurons not named, as a share of those not active."),
            Column.figure("ram_percent", "RAM, % of FFN", "RAM\n%", Digits.ONE),
            Column.text("met", "met")),
        rows.all());
  }

  private static ResultTable figureTable(Rows rows) {
    return new ResultTable("predictors", "Predictors", Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.text("predictor", "predictor"),
            Column.figure("fitted_recall_percent", "fitted to recall, %", "fitted\n%", Digits.ONE)
                .ranked(1).meaning("Share of active magnitude that cuts were calibrated to keep."),
            Column.figure("magnitude_recall_percent", "recall of magnitude, %", "recall\n%",
                Digits.ONE)
                .meaning("Output magnitude of active neurons that were named, of all such."),
            Column.figure("count_recall_percent", "recall of count, %", "count\n%", Digits.ONE)
                .meaning("Active neurons that were named, of all."),
            Column.figure("true_sparsity_percent", "true sparsity, %", "true\n%", Digits.ONE)
                .ranked(2).meaning("Neurons that are not active."),
            Column.figure("predicted_sparsity_percent", "predicted sparsity, %", "sparse\n%",
                Digits.ONE).meaning("Neurons that were not named."),
            Column.figure("of_true_sparsity_percent", "of true sparsity, %", "of\ntrue",
                Digits.ONE).ranked(3).meaning("The former over the latter."),
            Column.figure("ram_percent", "RAM, % of FFN", "RAM\n%", Digits.ONE),
            Column.figure("us_per_layer", "µs per layer", "µs", Digits.THREE)
                .meaning("Of one position, the fastest of 25 rounds."),
            Column.figure("perplexity_rise_percent", "Δ perplexity, %", "Δ ppl\n%", Digits.TWO)
                .meaning("Over that of the rule without a predictor."),
            Column.figure("kb_per_token", "KB per token", "KB/\ntok.", Digits.THREE),
            Column.figure("io_ms_per_token", "I/O ms per token", "I/O\nms", Digits.TWO)
                .ranked(1)),
        rows.all());
  }
}
