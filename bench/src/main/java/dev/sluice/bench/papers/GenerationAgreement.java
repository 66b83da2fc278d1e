package dev.sluice.bench.papers;

import dev.sluice.bench.compare.StoreRuns;
import dev.sluice.bench.papers.QualityCurve.Figure;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.bench.papers.SequenceMethods.Outcome;
import dev.sluice.bench.papers.SequenceMethods.Series;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Residency;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.engine.session.Session;
import dev.sluice.storage.cache.CachePolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleBiFunction;

/**
 * Whether methods would go on as the dense model does. The dense model's greedy continuation of each prompt is predicted by each
 * method token by token. Since what is greedy depends on the tokens before alone, a method's own generation is that text up to its
 * first other choice.
 */
final class GenerationAgreement {
  /** Predicted tokens of each continuation; one more before them is the prompt's to predict. */
  static final int TOKENS = 32;

  static final String SENTENCE =
      "Agreement: after each prompt the dense model goes on greedily for " + (TOKENS + 1)
          + " tokens, and every method says after each of them what it would have taken. The share of equal choices, and the share "
          + "before the first other one, which is how far its own generation is the dense model's.";

  private static final List<Double> SPARSITIES = List.of(0.5, 0.7, 0.9);

  private final List<Case> cases = new ArrayList<>();

  private record Case(String model, int promptTokens, Outcome outcome) {}

  /** Measures one model after prompts of one length, unless that is kept. */
  void add(Measurements model, int promptTokens) {
    List<int[]> texts = SequenceMethods.texts(model);
    Outcome outcome = model.keep("generation after " + promptTokens, model.heldOut(),
        List.of("texts " + texts.size(), "cetts " + model.effort().cetts(), "tokens " + TOKENS),
        Outcome.class, () -> {
          try (Engine engine = model.model().engine(Selection.EXACT, PredictorChoice.ALL);
              LayerStream layers = engine.openLayers()) {
            return SequenceMethods.measure(model, engine, layers,
                continued(engine, texts, promptTokens), promptTokens);
          }
        });
    cases.add(new Case(model.model().name(), promptTokens, outcome));
  }

  /** The prompts with what the dense model says. */
  private static List<int[]> continued(Engine engine, List<int[]> texts, int promptTokens) {
    int bundles = engine.model().spec().layers() * engine.model().spec().feedForward();
    Residency inRam = new Residency(bundles, bundles, Residency.Pinning.FIRST,
        CachePolicy.usual(), Residency.LEAST_SPILL_PLACES);
    List<int[]> all = new ArrayList<>();
    try (Session session =
        new Session(engine, promptTokens + TOKENS + 1, inRam, StoreRuns.merging())) {
      for (int[] text : texts) {
        int[] own = Arrays.copyOf(text, promptTokens + TOKENS + 1);
        session.restart();
        float[] logits = session.prompt(Arrays.copyOf(text, promptTokens), null);
        for (int t = promptTokens; t < own.length; t++) {
          own[t] = likeliest(logits);
          if (t + 1 < own.length) {
            logits = session.step(own[t]);
          }
        }
        all.add(own);
      }
    }
    return all;
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int v = 1; v < logits.length; v++) {
      best = logits[v] > logits[best] ? v : best;
    }
    return best;
  }

  ResultTable table(PairedBootstrap bootstrap) {
    List<Column> columns = new ArrayList<>(List.of(Column.text("model", "model"),
        Column.figure("prompt_tokens", "prompt, tokens", "prompt", Digits.COUNT),
        Column.text("method", "method")));
    for (double sparsity : SPARSITIES) {
      long percent = Math.round(100 * sparsity);
      columns.add(Column.figure("agreeing_at_" + percent + "_percent",
          "equal choices at " + percent + " % sparsity, %", "equal\n% at " + percent, Digits.ONE)
          .meaning("Tokens of the dense model's greedy continuation that the method would have "
              + "taken too."));
      columns.add(Column.figure("leading_at_" + percent + "_percent",
          "before the first other choice, " + percent + " % sparsity, %", "first\n% at " + percent,
          Digits.ONE).ranked(1)
          .meaning("Those before the first that it would not have taken."));
    }
    Rows rows = new Rows();
    for (Case one : cases) {
      List<Series> series = one.outcome.continued().series();
      for (int m = 0; m < series.size(); m++) {
        List<Object> row =
            new ArrayList<>(List.of(one.model, one.promptTokens, series.get(m).method()));
        for (double sparsity : SPARSITIES) {
          ToDoubleBiFunction<Series, int[]> read = (which, sample) -> SequenceMethods
              .curve(one.outcome.continued(), which).atSparsity(sparsity, Figure.ACCURACY, sample);
          for (Series which : List.of(series.get(m), one.outcome.leading().get(m))) {
            row.add(
                100 * bootstrap.interval(sample -> read.applyAsDouble(which, sample)).value());
          }
        }
        rows.add(row.toArray());
      }
    }
    return new ResultTable("generation", "Agreement with dense greedy generation",
        Place.EVERYWHERE, columns, rows.all());
  }
}
