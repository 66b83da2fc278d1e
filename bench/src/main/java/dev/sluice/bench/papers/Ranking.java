package dev.sluice.bench.papers;

import dev.sluice.bench.papers.DenseRun.LayerFigures;
import dev.sluice.bench.papers.DenseRun.SetFigures;
import dev.sluice.bench.papers.HardwareAffinity.Run;
import dev.sluice.bench.papers.PairedBootstrap.Interval;
import dev.sluice.bench.papers.Predictivity.Foreseen;
import dev.sluice.bench.papers.Predictivity.Foretold;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.bench.papers.SparsityAgainstQuality.Curve;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * Which activation function is first, by each measure, on these checkpoints. Words are made from figures: a first place is
 * claimed only where paired intervals leave out a tie with every other.
 */
final class Ranking implements Experiment {
  @Override
  public String key() {
    return "ranking";
  }

  @Override
  public int weight() {
    return 1;
  }

  /**
   * A model's place in a measure.
   *
   * @param statistic of some windows; constant where a measure has no windows
   */
  record Entrant(String name, ToDoubleFunction<int[]> statistic) {
    static Entrant fixed(String name, double value) {
      return new Entrant(name, _ -> value);
    }
  }

  /** Which end of a measure is better. */
  enum Better {
    HIGHER,
    LOWER
  }

  /** How sure a measure can be. */
  enum Sampled {
    WINDOWS,
    ONCE
  }

  /** A measure and all who take part. */
  record Measure(String title, String unit, Better better, Sampled sampled,
      List<Entrant> entrants) {}

  @Override
  public Findings run(Laboratory laboratory) {
    List<Measure> measures = measures(laboratory);
    Rows rows = new Rows();
    List<String> sentences = new ArrayList<>();
    sentences.add(
        "\"ReLU² Wins\" finds ReLU² first in sparsity, predictivity and hardware affinity, on models of 1.3 billion "
            + "parameters. What follows holds for the checkpoints at hand, of one seed each, whether or not it agrees.");
    for (Measure measure : measures) {
      if (measure.entrants.size() > 1) {
        List<Ranked> ranked = rank(measure, laboratory.bootstrap());
        sentences.add(sentence(measure, ranked));
        for (int k = 0; k < ranked.size(); k++) {
          Ranked one = ranked.get(k);
          rows.add(measure.title, k + 1, one.name, one.interval.value(), one.interval.low(),
              one.interval.high(), measure.unit, one.againstNext);
        }
      }
    }
    return new Findings(key(), "Ranking", sentences, List.of(table(rows)), List.of());
  }

  private static List<Measure> measures(Laboratory laboratory) {
    List<Curve> curves = SparsityAgainstQuality.curves(laboratory);
    List<Measure> measures = new ArrayList<>();
    measures.add(new Measure("sparsity at +1 % perplexity", "%", Better.HIGHER, Sampled.WINDOWS,
        entrants(curves, ActiveRule.OUTPUT,
            curve -> s -> 100 * curve.quality()
                .sparsityAtRise(SparsityAgainstQuality.RISE, s))));
    measures.add(new Measure("sparsity at equal absolute loss", "%", Better.HIGHER,
        Sampled.WINDOWS,
        entrants(curves, ActiveRule.OUTPUT,
            curve -> s -> 100 * curve.quality().sparsityAtLoss(
                SparsityAgainstQuality.commonNats(curves, s), s))));
    measures.add(new Measure("dense perplexity", "", Better.LOWER, Sampled.WINDOWS,
        entrants(curves, ActiveRule.OUTPUT,
            curve -> s -> Math.exp(curve.quality().denseNats(s)))));
    measures.addAll(predictivity(laboratory));
    measures.addAll(affinity(laboratory));
    return measures;
  }

  private interface Statistic {
    ToDoubleFunction<int[]> of(Curve curve);
  }

  private static List<Entrant> entrants(List<Curve> curves, ActiveRule rule, Statistic statistic) {
    return curves.stream().filter(curve -> curve.rule() == rule)
        .map(curve -> new Entrant(curve.name(), statistic.of(curve))).toList();
  }

  /** By a trained network where the effort has one, else by a low-rank map; at the recall that most is run at. */
  private static List<Measure> predictivity(Laboratory laboratory) {
    List<Entrant> sparsity = new ArrayList<>();
    List<Entrant> ofTrue = new ArrayList<>();
    String predictor = laboratory.effort().predictors().contains("trained-32") ? "trained-32"
        : "low-rank-32";
    for (Foretold one : Predictivity.foretold(laboratory)) {
      Optional<Foreseen> found = one.rows().stream()
          .filter(row -> row.row().predictor().equals(predictor) && row.recall() == 0.97)
          .findFirst();
      if (one.rule() == ActiveRule.OUTPUT && found.isPresent()) {
        String name = one.model().model().name();
        sparsity.add(Entrant.fixed(name, 100 * found.get().sparsity()));
        ofTrue.add(Entrant.fixed(name, 100 * found.get().ofTrueSparsity()));
      }
    }
    return List.of(
        new Measure("predicted sparsity, " + predictor + " fitted to 97 % recall", "%",
            Better.HIGHER, Sampled.ONCE, sparsity),
        new Measure("of the true sparsity, " + predictor + " fitted to 97 % recall", "%",
            Better.HIGHER, Sampled.ONCE, ofTrue));
  }

  private static List<Measure> affinity(Laboratory laboratory) {
    List<Entrant> reuse = new ArrayList<>();
    List<Entrant> beyond = new ArrayList<>();
    List<Entrant> gap = new ArrayList<>();
    List<Entrant> beyondGap = new ArrayList<>();
    List<Entrant> bytes = new ArrayList<>();
    for (Measurements model : laboratory.models()) {
      if (model.model().onePercent(ActiveRule.OUTPUT).orElse(0) == 0) {
        continue;
      }
      String name = model.model().name();
      laboratory.step(name);
      SetFigures set =
          model.denseRun().set(model.model().onePercentSelection(ActiveRule.OUTPUT));
      double[] windows =
          set.reuseByWindow().stream().mapToDouble(Double::doubleValue).toArray();
      reuse.add(new Entrant(name, s -> 100 * PairedBootstrap.mean(windows, s)));
      beyond.add(
          new Entrant(name,
              s -> 100 * (PairedBootstrap.mean(windows, s) - set.reuseIfIndependent(s))));
      gap.add(Entrant.fixed(name, set.meanOf(LayerFigures::gap)));
      beyondGap.add(Entrant.fixed(name,
          set.meanOf(one -> one.gap() - one.gapIfIndependent())));
      List<Run> runs = HardwareAffinity.runs(laboratory, model, ActiveRule.OUTPUT).rows();
      if (!runs.isEmpty()) {
        bytes.add(Entrant.fixed(name, runs.getFirst().bytesPerToken() / 1e3));
      }
    }
    return List.of(
        new Measure("reuse of the token before", "%", Better.HIGHER, Sampled.WINDOWS, reuse),
        new Measure("reuse beyond independent neurons", "points", Better.HIGHER,
            Sampled.WINDOWS, beyond),
        new Measure("co-activation gap", "", Better.HIGHER, Sampled.ONCE, gap),
        new Measure("co-activation gap beyond independent neurons", "", Better.HIGHER,
            Sampled.ONCE, beyondGap),
        new Measure("KB per token, whole method, half of the FFN in RAM", "KB", Better.LOWER,
            Sampled.ONCE, bytes));
  }

  /**
   * @param againstNext whether the paired difference to the next one leaves out 0: yes, no, or no interval
   * @param againstAll of the first, whether those to all others do; empty for the others
   */
  record Ranked(String name, ToDoubleFunction<int[]> statistic, Interval interval,
      String againstNext, String againstAll) {}

  /** Best first; those without a figure last. */
  static List<Ranked> rank(Measure measure, PairedBootstrap bootstrap) {
    List<Ranked> ranked = new ArrayList<>();
    for (Entrant entrant : measure.entrants) {
      Interval interval = bootstrap.interval(entrant.statistic);
      if (measure.sampled == Sampled.ONCE) {
        interval = new Interval(Double.NaN, interval.value(), Double.NaN);
      }
      ranked.add(new Ranked(entrant.name, entrant.statistic, interval, "", ""));
    }
    double sign = measure.better == Better.HIGHER ? -1 : 1;
    // NaN compares greater than all numbers, so it comes last either way.
    ranked.sort((a, b) -> Double.compare(sign * a.interval.value(), sign * b.interval.value()));
    for (int k = 0; k < ranked.size(); k++) {
      Ranked one = ranked.get(k);
      String resolved = k + 1 == ranked.size() ? "–"
          : resolution(measure, one, ranked.get(k + 1), bootstrap);
      boolean tied = k == 0 && ranked.stream().skip(1)
          .anyMatch(other -> resolution(measure, one, other, bootstrap).equals("no"));
      String all = k > 0 ? "" : tied ? "no" : resolved;
      ranked.set(k, new Ranked(one.name, one.statistic, one.interval, resolved, all));
    }
    return ranked;
  }

  private static String resolution(Measure measure, Ranked first, Ranked second,
      PairedBootstrap bootstrap) {
    if (measure.sampled == Sampled.ONCE || Double.isNaN(second.interval.value())) {
      return "no interval";
    }
    return bootstrap.interval(
        s -> first.statistic.applyAsDouble(s) - second.statistic.applyAsDouble(s)).isResolved()
            ? "yes"
            : "no";
  }

  /** Says the order; names a first only where its lead over the next is resolved. */
  static String sentence(Measure measure, List<Ranked> ranked) {
    StringBuilder text = new StringBuilder();
    for (int k = 0; k < ranked.size(); k++) {
      Ranked one = ranked.get(k);
      if (k > 0) {
        text.append(ranked.get(k - 1).againstNext.equals("no") ? " ≈ " : ", ");
      }
      text.append(one.name).append(' ').append(figure(one.interval.value()));
    }
    String head = measure.title.substring(0, 1).toUpperCase(Locale.ROOT)
        + measure.title.substring(1) + (measure.unit.isEmpty() ? "" : " (" + measure.unit + ")");
    String first = ranked.getFirst().name;
    String claim = switch (ranked.getFirst().againstAll) {
      case "yes" -> first + " is first.";
      case "no" ->
          "no first: the one that leads cannot be told apart from all others on this text.";
      default -> first + " leads; this figure has no interval.";
    };
    return head + ", best first (≈: a paired 95 % interval holds a tie): " + text + "; " + claim;
  }

  private static String figure(double value) {
    return Double.isNaN(value) ? "–" : String.format(Locale.ROOT,
        Math.abs(value) >= 1_000 ? "%,.0f" : Math.abs(value) >= 10 ? "%.1f" : "%.3f", value);
  }

  private static ResultTable table(Rows rows) {
    return new ResultTable("ranking", "Ranking by each measure, output rule", Place.EVERYWHERE,
        List.of(Column.text("measure", "measure"),
            Column.figure("rank_number", "rank", "rank", Digits.COUNT),
            Column.text("model", "model"),
            Column.figure("value", "value", "value", Digits.TWO),
            Column.figure("low_value", "from", "from", Digits.TWO).ranked(2),
            Column.figure("high_value", "to", "to", Digits.TWO).ranked(2),
            Column.text("unit", "unit").ranked(1),
            Column.text("resolved", "ahead of next")
                .meaning("Whether the paired difference to the next row leaves out 0.")),
        rows.all());
  }
}
