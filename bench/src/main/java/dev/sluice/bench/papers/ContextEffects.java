package dev.sluice.bench.papers;

import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.ffn.Sequence;
import dev.sluice.engine.ffn.Sweep;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The two effects that "First Activations Matter" names, measured: how a neuron's importance shifts as the context grows
 * (history-related activation uncertainty), and whether what fires follows the history rather than the current token
 * (semantic-irrelevant activation inertia).
 */
final class ContextEffects implements Experiment {
  /** Neurons of a layer that count as important: so many of a hundred, by root mean square output magnitude. */
  static final int IMPORTANT_PERCENT = 20;

  static final int SEGMENT_TOKENS = 32;

  /** Tokens before the one that is looked at. */
  private static final int HISTORY_TOKENS = 64;

  /** Histories, and tokens after each, are as many; of a quick run fewer. */
  private static final int MOST_HISTORIES = 16;

  private static final int TEXTS_A_HISTORY = 4;

  @Override
  public String key() {
    return "context";
  }

  @Override
  public int weight() {
    return 10;
  }

  /**
   * Share of the important neurons that two segments of 32 tokens have in common, mean over layers and pairs.
   *
   * @param byDistance of one text's segments, 1 apart and more
   * @param otherText of the same places in different texts
   */
  record Shift(List<Double> byDistance, double otherText) {
    Shift {
      byDistance = List.copyOf(byDistance);
    }
  }

  /** |A ∩ B| / |A ∪ B| of the neurons active at a last token, mean over layers and pairs. */
  record Inertia(double sameToken, double sameHistory, double neither) {}

  private record Case(Measurements model, Shift shift, Inertia inertia) {}

  @Override
  public Findings run(Laboratory laboratory) {
    laboratory.expect(2 * laboratory.models().size());
    List<Case> cases = new ArrayList<>();
    for (Measurements model : laboratory.models()) {
      laboratory.step(model.model().name() + ", segments");
      Shift shift = model.keep("importance of segments", model.heldOut(),
          List.of("important " + IMPORTANT_PERCENT, "segment " + SEGMENT_TOKENS), Shift.class,
          () -> shift(model));
      laboratory.step(model.model().name() + ", histories");
      int histories = Math.clamp(
          model.heldOut().length / Effort.WINDOW_TOKENS / TEXTS_A_HISTORY, 2, MOST_HISTORIES);
      Inertia inertia = model.keep("histories and tokens", model.heldOut(),
          List.of("histories " + histories, "tokens " + HISTORY_TOKENS), Inertia.class,
          () -> inertia(model, histories));
      cases.add(new Case(model, shift, inertia));
    }
    return new Findings(key(), "What follows the context", List.of(
        String.format(Locale.ROOT,
            "Importance: of each %d tokens the %d %% of a layer's neurons with the largest root mean square output; two such sets "
                + "share %d %% by chance. Inertia: after several histories of %d tokens the same several tokens; overlap is "
                + "|A ∩ B| / |A ∪ B| of the neurons that the output rule calls active at the CETT-PPL-1 %% target. Both from "
                + "the dense run.",
            SEGMENT_TOKENS, IMPORTANT_PERCENT, IMPORTANT_PERCENT, HISTORY_TOKENS),
        uncertainty(cases), inertia(cases)),
        List.of(shifts(cases), inertias(cases)),
        List.of(new Chart("Important neurons in common, by distance", "importance_by_distance",
            "distance_tokens", "common_percent", List.of("model"), "", Scale.LINEAR)));
  }

  private static String uncertainty(List<Case> cases) {
    List<String> parts = cases.stream().map(one -> String.format(Locale.ROOT,
        "%s %.0f %% of neighbouring segments, %.0f %% at the largest distance, %.0f %% of another text",
        one.model.model().name(), 100 * one.shift.byDistance.getFirst(),
        100 * one.shift.byDistance.getLast(), 100 * one.shift.otherText)).toList();
    return "Important neurons in common: " + String.join("; ", parts) + ".";
  }

  private static String inertia(List<Case> cases) {
    List<String> parts = cases.stream().map(one -> String.format(Locale.ROOT, "%s %s",
        one.model.model().name(),
        one.inertia.sameToken > one.inertia.sameHistory ? "the token" : "the history")).toList();
    return "What fires follows more closely: " + String.join(", ", parts)
        + ". The paper speaks of inertia: activations that follow the history whatever the token means.";
  }

  private static ResultTable shifts(List<Case> cases) {
    Rows rows = new Rows();
    for (Case one : cases) {
      for (int d = 0; d < one.shift.byDistance.size(); d++) {
        rows.add(one.model.model().name(), (d + 1) * SEGMENT_TOKENS,
            100 * one.shift.byDistance.get(d), 100 * one.shift.otherText);
      }
    }
    return new ResultTable("importance_by_distance", "Important neurons in common", Place.PAGE,
        List.of(Column.text("model", "model"),
            Column.figure("distance_tokens", "distance, tokens", "tokens", Digits.COUNT),
            Column.figure("common_percent", "in common, %", "common\n%", Digits.ONE),
            Column.figure("common_with_other_text_percent", "with another text, %", "other\n%",
                Digits.ONE).meaning("The same places of different texts.")),
        rows.all());
  }

  private static ResultTable inertias(List<Case> cases) {
    Rows rows = new Rows();
    for (Case one : cases) {
      rows.add(one.model.model().name(), 100 * one.shift.byDistance.getFirst(),
          100 * one.shift.byDistance.getLast(), 100 * one.shift.otherText,
          100 * one.inertia.sameToken, 100 * one.inertia.sameHistory,
          100 * one.inertia.neither);
    }
    return new ResultTable("context_effects", "Importance and inertia", Place.EVERYWHERE,
        List.of(Column.text("model", "model"),
            Column.figure("next_segment_percent", "next segment, %", "next\n%", Digits.ONE)
                .meaning("Important neurons that two neighbouring segments of a text share."),
            Column.figure("far_segment_percent", "segments furthest apart, %", "far\n%",
                Digits.ONE),
            Column.figure("other_text_percent", "another text, %", "other\n%", Digits.ONE),
            Column.figure("same_token_percent", "same token, other history, %", "token\n%",
                Digits.ONE).meaning("Overlap of the neurons that fire at it."),
            Column.figure("same_history_percent", "same history, other token, %", "hist.\n%",
                Digits.ONE),
            Column.figure("neither_percent", "other token and history, %", "neither\n%",
                Digits.ONE)),
        rows.all());
  }

  private static Shift shift(Measurements model) {
    PaperModel of = model.model();
    int[] tokens = model.heldOut();
    SegmentImportance observer =
        new SegmentImportance(of.spec().feedForward(), tokens.length / Effort.WINDOW_TOKENS);
    try (Engine engine = of.engine(Selection.EXACT, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, Effort.WINDOW_TOKENS);
      sweep.run(Measurements.windows(sweep, tokens), engine.activity(), engine.blockPredictor(),
          observer);
    }
    return observer.result();
  }

  private static Inertia inertia(Measurements model, int histories) {
    PaperModel of = model.model();
    int[] tokens = model.heldOut();
    // The tokens that follow are taken from the text too, so that they are as common as the text's.
    SplittableRandom random = new SplittableRandom(Effort.SEED);
    int[] last = IntStream.generate(() -> tokens[random.nextInt(tokens.length)]).distinct()
        .limit(histories).toArray();
    LastTokens observer = new LastTokens(of.activity(of.onePercentSelection(ActiveRule.OUTPUT)),
        histories, last.length, HISTORY_TOKENS, of.spec().feedForward());
    try (Engine engine = of.engine(Selection.EXACT, PredictorChoice.ALL);
        LayerStream layers = engine.openLayers()) {
      Sweep sweep = engine.sweep(layers, HISTORY_TOKENS + 1);
      List<Sequence> sequences = new ArrayList<>();
      for (int history = 0; history < histories; history++) {
        int from = (int) ((long) history * (tokens.length - HISTORY_TOKENS - 1) / histories);
        for (int token : last) {
          int[] text = Arrays.copyOfRange(tokens, from, from + HISTORY_TOKENS + 1);
          text[HISTORY_TOKENS] = token;
          sequences.add(sweep.window(text));
        }
      }
      sweep.run(sequences, engine.activity(), engine.blockPredictor(), observer);
    }
    return observer.result();
  }
}
