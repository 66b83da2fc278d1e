package dev.sluice.bench.papers;

import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.PairedBootstrap.Interval;
import dev.sluice.bench.papers.QualityCurve.Figure;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * Which activation function stays good when how many neurons are silenced? Perplexity, accuracy and divergence at equal CETT, at
 * equal sparsity and at equal absolute loss, sets judged while every layer is thresholded.
 */
final class SparsityAgainstQuality implements Experiment {
  static final double LITTLE_RISE = 0.001;
  static final double RISE = 0.01;
  private static final List<Double> SPARSITIES = List.of(0.7, 0.8, 0.9, 0.95);

  @Override
  public String key() {
    return "sparsity";
  }

  @Override
  public int weight() {
    return 60;
  }

  /** A model under one rule, with the runs of its sweep. */
  record Curve(
      Measurements model, ActiveRule rule, List<Selection> selections, List<QualityRun> runs,
      QualityCurve quality) {
    String name() {
      return model.model().name();
    }
  }

  /** Curves of all models under all their rules; asks for the runs behind them. */
  static List<Curve> curves(Laboratory laboratory) {
    int steps = 0;
    for (Measurements model : laboratory.models()) {
      for (ActiveRule rule : model.model().rules()) {
        steps += model.sweep(rule).size();
      }
    }
    laboratory.expect(steps);
    List<Curve> curves = new ArrayList<>();
    for (Measurements model : laboratory.models()) {
      for (ActiveRule rule : model.model().rules()) {
        List<Selection> selections = model.sweep(rule);
        List<QualityRun> runs = new ArrayList<>();
        for (Selection selection : selections) {
          laboratory.step(model.model().name() + " " + selection);
          runs.add(model.quality(selection));
        }
        curves.add(new Curve(model, rule, selections, runs,
            new QualityCurve(model.dense().windows(),
                runs.stream().map(QualityRun::windows).toList())));
      }
      model.rest();
    }
    return curves;
  }

  @Override
  public Findings run(Laboratory laboratory) {
    List<Curve> curves = curves(laboratory);
    PairedBootstrap bootstrap = laboratory.bootstrap();
    List<String> sentences = List.of(
        "Neurons are chosen by the rule itself, after computing them: an oracle. The output rule needs gate and up before it can "
            + "decide, so for gated models only the gate rule can be had without one; both are shown. Sets are those of the "
            + "thresholded run. Between the targets that were run figures are interpolated.",
        littleLoss(curves, bootstrap));
    return new Findings(key(), "Sparsity against quality", sentences,
        List.of(atLoss(curves, bootstrap), differences(curves, bootstrap),
            equalSparsity(curves, bootstrap),
            targets(curves, bootstrap, "equal_cett", "Equal CETT", Place.EVERYWHERE,
                Measurements.CLOSE_TARGETS),
            targets(curves, bootstrap, "targets", "Every target", Place.PAGE, List.of())),
        List.of(
            new Chart("Perplexity, rise over dense", "targets", "sparsity_percent",
                "perplexity_rise_percent", List.of("model", "rule"), "gate", Scale.LINEAR),
            new Chart("KL from dense", "targets", "sparsity_percent", "kl_nats_per_token",
                List.of("model", "rule"), "gate", Scale.LINEAR)));
  }

  private static String littleLoss(List<Curve> curves, PairedBootstrap bootstrap) {
    List<String> parts = new ArrayList<>();
    for (Curve curve : curves) {
      Interval sparsity =
          bootstrap.interval(sample -> curve.quality.sparsityAtRise(LITTLE_RISE, sample));
      parts.add(String.format(Locale.ROOT, "%s (%s rule) %s", curve.name(), curve.rule.key(),
          percent(sparsity)));
    }
    return "The paper reports less than 0.1 % of performance lost at about 90 % sparsity for ReLU². Perplexity here rises by 0.1 % "
        + "at a sparsity of " + String.join(", ", parts) + ".";
  }

  static String percent(Interval interval) {
    return Double.isNaN(interval.value()) ? "beyond what was run"
        : Double.isNaN(interval.low())
            ? String.format(Locale.ROOT, "%.1f %% (interval open)", 100 * interval.value())
        : String.format(Locale.ROOT, "%.1f %% (%.1f to %.1f)", 100 * interval.value(),
            100 * interval.low(), 100 * interval.high());
  }

  /** A figure's column and its interval's, the latter first to go. */
  private static List<Column> withInterval(Column column) {
    String unit = column.key();
    return List.of(column,
        new Column("low_" + unit, "from", "from", column.digits(), 3, ""),
        new Column("high_" + unit, "to", "to", column.digits(), 3, ""));
  }

  private static void add(List<Object> row, Interval interval, double unit) {
    row.add(unit * interval.value());
    row.add(unit * interval.low());
    row.add(unit * interval.high());
  }

  private static List<Column> figures() {
    List<Column> columns = new ArrayList<>();
    columns.addAll(withInterval(
        Column.figure("perplexity_rise_percent", "Δ perplexity, %", "Δ ppl\n%", Digits.TWO)
            .meaning("Rise over the same model's dense run.")));
    columns.addAll(withInterval(
        Column.figure("accuracy_percent", "next-token accuracy, %", "top-1\n%", Digits.TWO)
            .meaning("Positions whose most likely next token is the text's.").ranked(1)));
    columns.addAll(withInterval(
        Column.figure("kl_nats_per_token", "KL from dense, nats", "KL\nnats", Digits.FOUR)
            .meaning("KL(dense ‖ thresholded), mean over positions.")));
    return columns;
  }

  private static void addFigures(List<Object> row, PairedBootstrap bootstrap, QualityCurve curve,
      FigureAt at) {
    add(row, bootstrap.interval(sample -> Math.expm1(
        at.of(Figure.NATS, sample) - curve.denseNats(sample))), 100);
    add(row, bootstrap.interval(sample -> at.of(Figure.ACCURACY, sample)), 100);
    add(row, bootstrap.interval(sample -> at.of(Figure.DIVERGENCE, sample)), 1);
  }

  private interface FigureAt {
    double of(Figure figure, int[] sample);
  }

  private static ResultTable targets(List<Curve> curves, PairedBootstrap bootstrap, String key,
      String title, Place place, List<Double> only) {
    List<Column> columns = new ArrayList<>(List.of(
        Column.text("model", "model"), Column.text("rule", "rule"),
        Column.figure("cett", "CETT", "CETT", Digits.FOUR)));
    columns.addAll(withInterval(sparsityColumn()));
    columns.add(Column.figure("perplexity", "perplexity", "ppl", Digits.TWO).ranked(1));
    columns.addAll(figures());
    Rows rows = new Rows();
    for (Curve curve : curves) {
      for (int run = 0; run < curve.runs.size(); run++) {
        double cett = curve.selections.get(run).cett();
        if (!only.isEmpty() && !only.contains(cett)) {
          continue;
        }
        int at = run;
        List<Object> row = new ArrayList<>(List.of(curve.name(), curve.rule.key(), cett));
        add(row, bootstrap.interval(sample -> curve.quality.sparsity(at, sample)), 100);
        row.add(curve.runs.get(run).perplexity());
        addFigures(row, bootstrap, curve.quality,
            (figure, sample) -> curve.quality.at(at, figure, sample));
        rows.add(row.toArray());
      }
    }
    return new ResultTable(key, title, place, columns, rows.all());
  }

  private static Column sparsityColumn() {
    return Column.figure("sparsity_percent", "sparsity, %", "sparse\n%", Digits.ONE)
        .meaning("Neurons that are not active, mean over layers and positions.");
  }

  private static ResultTable equalSparsity(List<Curve> curves, PairedBootstrap bootstrap) {
    List<Column> columns = new ArrayList<>(List.of(
        Column.figure("sparsity_percent", "sparsity, %", "sparse\n%", Digits.ONE),
        Column.text("model", "model"), Column.text("rule", "rule")));
    columns.addAll(figures());
    Rows rows = new Rows();
    for (double sparsity : SPARSITIES) {
      for (Curve curve : curves) {
        List<Object> row =
            new ArrayList<>(List.of(100 * sparsity, curve.name(), curve.rule.key()));
        addFigures(row, bootstrap, curve.quality,
            (figure, sample) -> curve.quality.atSparsity(sparsity, figure, sample));
        rows.add(row.toArray());
      }
    }
    return new ResultTable("equal_sparsity", "Equal sparsity", Place.EVERYWHERE, columns,
        rows.all());
  }

  /** The larger of all models' losses at a rise of 1 %: one that all reach. */
  static double commonNats(List<Curve> curves, int[] sample) {
    return curves.stream().mapToDouble(curve -> curve.quality.denseNats(sample)).max()
        .orElseThrow() + Math.log1p(RISE);
  }

  private static ResultTable atLoss(List<Curve> curves, PairedBootstrap bootstrap) {
    List<Column> columns = new ArrayList<>(List.of(
        Column.text("model", "model"), Column.text("activation", "activation"),
        Column.text("rule", "rule")));
    columns.addAll(withInterval(
        Column.figure("sparsity_at_tenth_percent_loss_percent", "sparsity at +0.1 %, %",
            "at\n+0.1 %", Digits.ONE)
            .meaning("Where perplexity has risen by 0.1 % over the model's dense run.")));
    columns.addAll(withInterval(
        Column.figure("sparsity_at_one_percent_loss_percent", "sparsity at +1 %, %", "at\n+1 %",
            Digits.ONE).meaning("Where perplexity has risen by 1 %.")));
    columns.addAll(withInterval(
        Column.figure("sparsity_at_equal_loss_percent", "sparsity at equal loss, %",
            "equal\nloss", Digits.ONE)
            .meaning("Where the loss is that of the worst dense model plus ln 1.01 nats: the same "
                + "absolute loss for all.")));
    columns.add(Column.figure("dense_perplexity", "dense perplexity", "dense\nppl", Digits.TWO));
    Rows rows = new Rows();
    for (Curve curve : curves) {
      List<Object> row = new ArrayList<>(List.of(curve.name(),
          curve.model.model().activation(), curve.rule.key()));
      add(row, bootstrap.interval(s -> curve.quality.sparsityAtRise(LITTLE_RISE, s)), 100);
      add(row, bootstrap.interval(s -> curve.quality.sparsityAtRise(RISE, s)), 100);
      add(row, bootstrap.interval(
          s -> curve.quality.sparsityAtLoss(commonNats(curves, s), s)), 100);
      row.add(curve.model.dense().perplexity());
      rows.add(row.toArray());
    }
    return new ResultTable("sparsity_at_loss", "Sparsity at little loss", Place.EVERYWHERE,
        columns, rows.all());
  }

  private static ResultTable differences(List<Curve> curves, PairedBootstrap bootstrap) {
    List<Column> columns = new ArrayList<>(List.of(
        Column.text("first", "first"), Column.text("second", "second"),
        Column.text("equal", "equal")));
    columns.addAll(withInterval(
        Column.figure("difference_points", "difference of sparsity, points", "points", Digits.ONE)
            .meaning("Sparsity of the first less that of the second, in percentage points, on the "
                + "same windows.")));
    columns.add(Column.text("resolved", "resolved")
        .meaning("Whether the interval of the paired difference leaves out 0."));
    Rows rows = new Rows();
    List<Curve> compared = curves.stream().filter(c -> c.rule == ActiveRule.OUTPUT).toList();
    for (int a = 0; a < compared.size(); a++) {
      for (int b = a + 1; b < compared.size(); b++) {
        Curve first = compared.get(a);
        Curve second = compared.get(b);
        difference(rows, first, second, "+1 % perplexity", bootstrap,
            s -> first.quality.sparsityAtRise(RISE, s) - second.quality.sparsityAtRise(RISE, s));
        difference(rows, first, second, "absolute loss", bootstrap, s -> {
          double nats = commonNats(curves, s);
          return first.quality.sparsityAtLoss(nats, s) - second.quality.sparsityAtLoss(nats, s);
        });
      }
    }
    return new ResultTable("differences", "Differences of sparsity, output rule", Place.PAGE,
        columns, rows.all());
  }

  private static void difference(Rows rows, Curve first, Curve second, String equal,
      PairedBootstrap bootstrap, ToDoubleFunction<int[]> statistic) {
    Interval interval = bootstrap.interval(statistic);
    List<Object> row = new ArrayList<>(List.of(first.name(), second.name(), equal));
    add(row, interval, 100);
    row.add(interval.isResolved() ? "yes" : "no");
    rows.add(row.toArray());
  }
}
