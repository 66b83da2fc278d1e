package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Quality;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** What each rule and predictor costs a model in quality, and how much it leaves active. */
final class QualityTable {
  private QualityTable() {}

  static Table<Quality> of(ModelResult model) {
    return new Table<>(
        "Rules and predictors, " + model.name(),
        List.of(
            Column.text("rule, predictor", "rule, predictor", q -> q.rule() + ", " + q.predictor()),
            Column.figure("CETT", "CETT", 4, "", q -> Digits.fixed(q.cett(), 4)),
            Column.figure("perplexity", "perpl.", 0, "", q -> Digits.fixed(q.perplexity(), 2)),
            Column.figure("Δ perplexity, %", "Δ\n%", 0, "Against the model with every neuron.",
                q -> Digits.fixed(100 * (q.perplexity() / model.densePerplexity() - 1), 2)),
            Column.figure("nats per token", "nats", 5,
                "Mean negative log likelihood on the held-out text.",
                q -> Digits.fixed(q.nats(), 4)),
            Column.figure("top-1 accuracy, %", "top-1\n%", 6,
                "Positions whose most likely next token is the text's.",
                q -> Digits.percent(q.accuracy())),
            Column.figure("active, %", "active\n%", 0,
                "Share of neurons that the rule calls active, mean over layers.",
                q -> Digits.percent(q.activeShare())),
            Column.figure("predicted, %", "pred.\n%", 1,
                "Share of neurons that the predictor asks for.",
                q -> Digits.percent(q.predictedShare())),
            Column.figure("recall of magnitude, %", "recall\n%", 2,
                "Output magnitude of active neurons that the predictor asked for, of all such magnitude.",
                q -> Digits.fixed(100 * q.magnitudeRecall(), 2)),
            Column.figure("recall of count, %", "count\n%", 3,
                "Active neurons that the predictor asked for, of all.",
                q -> Digits.fixed(100 * q.countRecall(), 2)),
            Column.figure("predictor, KB", "pred.\nKB", 3, "RAM that the predictor takes.",
                q -> Digits.kilobytes((double) q.predictorBytes()))),
        model.rules());
  }

  /** Active shares layer by layer, a column for each rule and predictor. */
  static Table<Integer> byLayer(ModelResult model) {
    List<Column<Integer>> columns = new ArrayList<>();
    columns.add(Column.text("layer", "", String::valueOf));
    for (Quality quality : model.rules()) {
      columns.add(
          Column.figure(quality.rule() + ", " + quality.predictor() + ", %", "", 0, "",
              layer -> Digits.percent(quality.activeShareByLayer().get(layer))));
    }
    return new Table<>(
        "Active neurons by layer, " + model.name(), columns,
        IntStream.range(0, model.layers()).boxed().toList());
  }
}
