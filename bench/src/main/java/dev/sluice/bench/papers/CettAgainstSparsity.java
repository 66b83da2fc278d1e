package dev.sluice.bench.papers;

import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.bench.papers.SparsityAgainstQuality.Curve;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * How far the FFN's output is off (CETT) and how perplexity suffers as more neurons are silenced; thresholds for each target;
 * sets of the dense run beside sets of the thresholded run.
 */
final class CettAgainstSparsity implements Experiment {
  @Override
  public String key() {
    return "cett";
  }

  @Override
  public int weight() {
    return 10;
  }

  @Override
  public Findings run(Laboratory laboratory) {
    List<Curve> curves = SparsityAgainstQuality.curves(laboratory);
    List<String> sentences = new ArrayList<>();
    sentences.add(
        "CETT(x, ε) = ‖Σ of inactive neurons' outputs‖ / ‖FFN output‖, its mean over the calibration tokens of a dense run "
            + "(our reading; the paper's summary gives no formula). For each target every layer has the largest ε that keeps it. "
            + "Active shares and perplexity are of the held-out text: the former once with sets taken from a dense run, once "
            + "counted while every layer is thresholded, which is what an engine sees.");
    for (Measurements model : laboratory.models()) {
      laboratory.step(model.model().name());
      for (ActiveRule rule : model.model().rules()) {
        model.model().onePercent(rule).ifPresent(target -> sentences.add(onePercent(model,
            new Selection(rule, target))));
      }
    }
    return new Findings(key(), "CETT against sparsity", sentences,
        List.of(targets(curves), layers(curves)),
        List.of(
            new Chart("CETT and sparsity", "targets", "dense_run_sparsity_percent", "cett",
                List.of("model", "rule"), "gate", Scale.LINEAR),
            new Chart("Perplexity and CETT", "targets", "cett", "perplexity_rise_percent",
                List.of("model", "rule"), "gate", Scale.LINEAR)));
  }

  private static String onePercent(Measurements model, Selection selection) {
    double dense = model.dense().perplexity();
    if (selection.cett() == 0) {
      return String.format(Locale.ROOT, "%s, %s rule: no target kept perplexity within 1 %%.",
          model.model().name(), selection.rule().key());
    }
    QualityRun run = model.quality(selection);
    return String.format(Locale.ROOT,
        "%s, %s rule: CETT-PPL-1 %% is %.5f (on the search text); on held-out text perplexity rises by %.2f %% there, "
            + "with %.2f %% of neurons active in the thresholded run and %.2f %% by sets of the dense run.",
        model.model().name(), selection.rule().key(), selection.cett(),
        100 * (run.perplexity() / dense - 1), 100 * run.active(),
        100 * model.denseRun().share(selection).mean());
  }

  private static ResultTable targets(List<Curve> curves) {
    Rows rows = new Rows();
    for (Curve curve : curves) {
      double dense = curve.model().dense().perplexity();
      for (int k = 0; k < curve.runs().size(); k++) {
        Selection selection = curve.selections().get(k);
        QualityRun run = curve.runs().get(k);
        double active = curve.model().denseRun().share(selection).mean();
        rows.add(curve.name(), curve.rule().key(), selection.cett(), 100 * (1 - active),
            100 * (1 - run.active()), 100 * (run.active() / active - 1), run.perplexity(),
            100 * (run.perplexity() / dense - 1));
      }
    }
    return new ResultTable("targets", "CETT, sparsity and perplexity", Place.EVERYWHERE,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.figure("cett", "CETT", "CETT", Digits.FOUR),
            Column.figure("dense_run_sparsity_percent", "sparsity, sets of the dense run, %",
                "dense\nrun, %", Digits.TWO)
                .meaning("Share of inactive neurons when the sets are judged in a run that "
                    + "computes everything."),
            Column.figure("thresholded_run_sparsity_percent",
                "sparsity, thresholded run, %", "thresh.\nrun, %", Digits.TWO)
                .meaning("The same counted while every layer drops its inactive neurons."),
            Column.figure("active_difference_percent", "more active when thresholded, %",
                "more\nactive %", Digits.TWO)
                .meaning("Active share of the thresholded run over that of the dense run, less 1."),
            Column.figure("perplexity", "perplexity", "ppl", Digits.TWO),
            Column.figure("perplexity_rise_percent", "Δ perplexity, %", "Δ ppl\n%",
                Digits.TWO).meaning("Rise over the same model's dense run.")),
        rows.all());
  }

  private static ResultTable layers(List<Curve> curves) {
    Rows rows = new Rows();
    for (Curve curve : curves) {
      List<CettCurve> measured = curve.model().model().curves(curve.rule());
      for (int k = 0; k < curve.runs().size(); k++) {
        Selection selection = curve.selections().get(k);
        float[] thresholds = CettCurve.thresholdsAt(measured, selection.cett());
        List<Double> dense = curve.model().denseRun().share(selection).activeByLayer();
        for (int layer = 0; layer < thresholds.length; layer++) {
          rows.add(curve.name(), curve.rule().key(), selection.cett(), layer,
              thresholds[layer], 100 * dense.get(layer),
              100 * curve.runs().get(k).activeByLayer().get(layer));
        }
      }
    }
    return new ResultTable("thresholds", "Thresholds and active shares by layer", Place.FILES,
        List.of(Column.text("model", "model"), Column.text("rule", "rule"),
            Column.figure("cett", "CETT", "CETT", Digits.FOUR),
            Column.figure("layer_number", "layer", "layer", Digits.COUNT),
            Column.figure("threshold_magnitude", "threshold", "ε", Digits.FOUR),
            Column.figure("dense_run_active_percent", "active, dense run, %", "dense", Digits.TWO),
            Column.figure("thresholded_run_active_percent", "active, thresholded run, %",
                "thresh.", Digits.TWO)),
        rows.all());
  }
}
