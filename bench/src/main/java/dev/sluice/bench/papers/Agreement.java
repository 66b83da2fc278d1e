package dev.sluice.bench.papers;

import dev.sluice.bench.papers.ReferenceFigures.Pair;
import dev.sluice.bench.papers.ReferenceFigures.Quantity;
import dev.sluice.bench.papers.ReferenceFigures.Searched;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Do our figures agree with PyTorch's, row by row? */
final class Agreement implements Experiment {
  @Override
  public String key() {
    return "agreement";
  }

  @Override
  public int weight() {
    return 30;
  }

  private record Compared(String model, List<Pair> pairs, List<Searched> searches) {}

  @Override
  public Findings run(Laboratory laboratory) {
    List<ReferenceFigures> references = new ArrayList<>();
    List<Measurements> models = new ArrayList<>();
    for (Measurements model : laboratory.models()) {
      model.model().source().expected().ifPresent(file -> {
        references.add(new ReferenceFigures(file));
        models.add(model);
      });
    }
    laboratory.expect(references.stream().mapToInt(ReferenceFigures::steps).sum());
    List<Compared> compared = new ArrayList<>();
    for (int m = 0; m < models.size(); m++) {
      String name = models.get(m).model().name();
      compared.add(new Compared(name,
          references.get(m).compare(models.get(m), () -> laboratory.step(name)),
          references.get(m).searches(models.get(m).model())));
      models.get(m).rest();
    }
    return findings(compared);
  }

  private Findings findings(List<Compared> compared) {
    Rows worst = new Rows();
    Rows all = new Rows();
    int rows = 0;
    int agreeing = 0;
    for (Quantity quantity : Quantity.values()) {
      for (Compared one : compared) {
        List<Pair> pairs =
            one.pairs.stream().filter(pair -> pair.quantity() == quantity).toList();
        if (pairs.isEmpty()) {
          continue;
        }
        Pair furthest =
            pairs.stream().max(Comparator.comparingDouble(Pair::deviation)).orElseThrow();
        long within = pairs.stream().filter(Pair::agrees).count();
        rows += pairs.size();
        agreeing += (int) within;
        worst.add(quantity.title(), one.model, pairs.size(), within,
            100 * furthest.deviation(), 100 * quantity.tolerance(), place(furthest));
        for (Pair pair : pairs) {
          all.add(one.model, quantity.title(), pair.row(),
              pair.layer() < 0 ? "all" : Integer.toString(pair.layer()), pair.expected(),
              pair.measured(), 100 * pair.deviation(), pair.agrees() ? "yes" : "no");
        }
      }
    }
    List<String> sentences = new ArrayList<>();
    sentences.add(compared.isEmpty()
        ? "None of these models comes with figures of a reference."
        : String.format(Locale.ROOT,
            "Of %,d figures that a PyTorch run of the same checkpoints gives, %,d agree within their tolerance (1 %%; KL and "
                + "gaps 3 %%).",
            rows, agreeing));
    if (compared.stream().anyMatch(
        one -> one.pairs.stream().noneMatch(pair -> pair.quantity() == Quantity.REUSE))) {
      sentences.add(
          "Figures of the whole held-out text are compared in a full run only; here it is thresholds, targets and "
              + "divergence over the first 8 windows.");
    }
    for (Compared one : compared) {
      one.searches.stream().filter(search -> search.ours() != search.reference())
          .forEach(search -> sentences.add(otherTarget(one.model, search)));
    }
    return new Findings(key(), "Agreement with PyTorch", sentences,
        List.of(
            new ResultTable("agreement", "Largest deviation from PyTorch by quantity",
                Place.EVERYWHERE,
                List.of(Column.text("quantity", "quantity"), Column.text("model", "model"),
                    Column.figure("rows_count", "rows", "rows", Digits.COUNT),
                    Column.figure("agreeing_count", "agreeing", "agree", Digits.COUNT),
                    Column.figure("largest_deviation_percent", "largest deviation, %",
                        "largest\n%", Digits.TWO)
                        .meaning("|measured − expected| over the expected value, beyond the last "
                            + "digit that the reference gives."),
                    Column.figure("tolerance_percent", "tolerance, %", "tol.\n%", Digits.ONE)
                        .ranked(1),
                    Column.text("at", "at").ranked(2)),
                worst.all()),
            searches(compared),
            new ResultTable("agreement_rows", "Every figure beside PyTorch's", Place.FILES,
                List.of(Column.text("model", "model"), Column.text("quantity", "quantity"),
                    Column.text("row", "row"), Column.text("layer", "layer"),
                    Column.figure("expected", "expected", "expected", Digits.FOUR),
                    Column.figure("measured", "measured", "measured", Digits.FOUR),
                    Column.figure("deviation_percent", "deviation, %", "dev. %", Digits.TWO),
                    Column.text("agrees", "agrees")),
                all.all())),
        List.of());
  }

  private static String otherTarget(String model, Searched search) {
    double rise = risePercent(search, search.reference());
    return String.format(Locale.ROOT,
        "%s, %s rule: the search for CETT-PPL-1 %% ends at %.5f, PyTorch's at %.5f, where perplexity on the search text rises by "
            + "%s here (limit %.4f %%).",
        model, search.rule().key(), search.ours(), search.reference(),
        Double.isNaN(rise) ? "what was not measured" : String.format(Locale.ROOT, "%.6f %%", rise),
        100 * (search.tried().limit() - 1));
  }

  private static double risePercent(Searched search, double target) {
    return 100 * (search.tried().ratioAt(target).orElse(Double.NaN) - 1);
  }

  private static ResultTable searches(List<Compared> compared) {
    Rows rows = new Rows();
    for (Compared one : compared) {
      for (Searched search : one.searches) {
        rows.add(one.model, search.rule().key(), search.reference(), search.ours(),
            risePercent(search, search.ours()),
            risePercent(search, search.tried().after(search.ours()).orElse(Double.NaN)),
            risePercent(search, search.reference()));
      }
    }
    return new ResultTable("searches", "Searches for the CETT-PPL-1 % target", Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.figure("pytorch_target_cett", "PyTorch's target", "PyTorch's\ntarget",
                Digits.FIVE),
            Column.figure("target_cett", "target", "target", Digits.FIVE),
            Column.figure("rise_at_target_percent", "Δ perplexity at the target, %",
                "Δ ppl\n% there", Digits.SIX)
                .meaning("Of the search text, over the dense run's; the limit is 1.0001 %."),
            Column.figure("rise_after_target_percent", "one step on, %", "one\nstep on",
                Digits.SIX),
            Column.figure("rise_at_pytorch_target_percent", "at PyTorch's target, %",
                "at\nPyTorch's", Digits.SIX)),
        rows.all());
  }

  private static String place(Pair pair) {
    return pair.layer() < 0 ? pair.row() : pair.row() + ", layer " + pair.layer();
  }
}
