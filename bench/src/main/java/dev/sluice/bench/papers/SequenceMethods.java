package dev.sluice.bench.papers;

import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.PairedBootstrap.Interval;
import dev.sluice.bench.papers.QualityCurve.Figure;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import dev.sluice.engine.eval.ContinuationQuality;
import dev.sluice.engine.eval.ContinuationQuality.Choice;
import dev.sluice.engine.eval.WindowedQuality.Window;
import dev.sluice.engine.ffn.Activity;
import dev.sluice.engine.ffn.LayerStream;
import dev.sluice.engine.sequence.SequenceMethod;
import dev.sluice.engine.session.Engine;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Neurons chosen once by the prompt (TDA, GRIFFIN) against neurons chosen anew at each token (truncation by the same thresholds):
 * how well the true continuation is predicted when as many are left out.
 */
final class SequenceMethods implements Experiment {
  private static final List<Double> SPARSITIES = List.of(0.3, 0.5, 0.7, 0.8, 0.9);
  private static final int CHARTED_PROMPT_TOKENS = 96;
  private static final double HALF = 0.5;
  private static final List<Integer> PERCENTS = List.of(70, 50, 30, 20, 10, 5);
  private static final String EACH_TOKEN = "TT";

  /** One text in so many is continued. */
  private static final int TEXTS_APART = 8;

  private static final int FEWEST_TEXTS = 3;
  private static final int FEWEST_WITH_INTERVALS = 5;

  @Override
  public String key() {
    return "sequence";
  }

  @Override
  public int weight() {
    return 40;
  }

  /** Texts of one model continued after prompts of one length. */
  record Continued(List<Window> dense, List<Series> series) {
    Continued {
      dense = List.copyOf(dense);
      series = List.copyOf(series);
    }
  }

  /** One method at ascending sparsity; runs × texts. */
  record Series(String method, List<List<Window>> runs) {
    Series {
      runs = runs.stream().map(List::copyOf).toList();
    }
  }

  private record Case(Measurements model, int promptTokens, Continued continued) {}

  @Override
  public Findings run(Laboratory laboratory) {
    List<Integer> prompts = laboratory.effort().promptTokens();
    laboratory.expect(laboratory.models().size() * (2 * prompts.size() + 1));
    List<Case> cases = new ArrayList<>();
    GenerationAgreement agreement = new GenerationAgreement();
    PromptedSessions sessions = new PromptedSessions();
    for (Measurements model : laboratory.models()) {
      for (int promptTokens : prompts) {
        laboratory.step(model.model().name() + " after " + promptTokens + " tokens");
        cases.add(new Case(model, promptTokens, continued(model, promptTokens)));
        laboratory.step(model.model().name() + " as the dense model goes on");
        agreement.add(model, promptTokens);
      }
      laboratory.step(model.model().name() + " sessions");
      sessions.add(laboratory, model);
    }
    int texts = cases.stream().mapToInt(one -> one.continued.dense.size()).min().orElseThrow();
    PairedBootstrap bootstrap =
        new PairedBootstrap(texts, laboratory.effort().resamples(), Effort.SEED);
    List<String> sentences = new ArrayList<>();
    sentences.add(
        String.format(Locale.ROOT,
            "%d windows of 256 tokens: the first (%s) are a prompt, computed with every neuron; the rest is predicted in "
                + "the text's own tokens. TT leaves out what is below the thresholds at each token (an oracle). TDA keeps, "
                + "for all that follows, the neurons whose root mean square magnitude over the prompt reaches them (our "
                + "definition: the paper's summary gives none); tda-union and tda-mean take the largest and the mean. GRIFFIN keeps a "
                + "share of each layer. Sparsity is of neurons that a method leaves out; between runs it is interpolated.",
            texts, prompts.stream().map(String::valueOf).collect(Collectors.joining(", "))));
    sentences.add(verdict(cases, prompts.getLast(), bootstrap));
    sentences.add(GenerationAgreement.SENTENCE);
    sentences.addAll(sessions.sentences());
    return new Findings(key(), "Chosen by the prompt", sentences,
        List.of(halfLeftOut(cases, prompts, bootstrap), agreement.table(bootstrap),
            sessions.latency(), sessions.seeds(), equalSparsity(cases, bootstrap),
            points(cases, bootstrap)),
        List.of(new Chart("Perplexity of the continuation, rise over dense, prompts of 96",
            "continuations_at_96", "sparsity_percent", "perplexity_rise_percent",
            List.of("model", "method"), EACH_TOKEN, Scale.LINEAR)));
  }

  private static Continued continued(Measurements model, int promptTokens) {
    List<int[]> texts = texts(model);
    List<Double> cetts = levels(model.effort().cetts());
    return model.keep("continuations after " + promptTokens, model.heldOut(),
        List.of("texts " + texts.size(), "cetts " + cetts, "percents " + PERCENTS,
            "TT from natural zeros"),
        Continued.class, () -> {
          try (Engine engine = model.model().engine(Selection.EXACT, PredictorChoice.ALL);
              LayerStream layers = engine.openLayers()) {
            return measure(model, engine, layers, texts, promptTokens).continued;
          }
        });
  }

  /** Windows of the held-out text that are continued, evenly spread. */
  static List<int[]> texts(Measurements model) {
    int[] tokens = model.heldOut();
    int windows = tokens.length / Effort.WINDOW_TOKENS;
    int texts = Math.min(windows, Math.max(FEWEST_TEXTS, windows / TEXTS_APART));
    return IntStream.range(0, texts)
        .map(text -> (int) ((long) text * windows / texts) * Effort.WINDOW_TOKENS)
        .mapToObj(from -> Arrays.copyOfRange(tokens, from, from + Effort.WINDOW_TOKENS))
        .toList();
  }

  /** Every other target, the largest among them. */
  private static List<Double> levels(List<Double> cetts) {
    return IntStream.range(0, cetts.size()).filter(k -> (cetts.size() - 1 - k) % 2 == 0)
        .mapToObj(cetts::get).toList();
  }

  /**
   * How texts were predicted.
   *
   * @param leading the series again, with the share of predictions before the first that was not the text's in place of accuracy
   */
  record Outcome(Continued continued, List<Series> leading) {
    Outcome {
      leading = List.copyOf(leading);
    }
  }

  /** All methods on texts of a prompt and what follows it. */
  static Outcome measure(Measurements model, Engine engine, LayerStream layers, List<int[]> texts,
      int promptTokens) {
    List<Activity> thresholds = levels(model.effort().cetts()).stream()
        .map(cett -> model.model().activity(new Selection(ActiveRule.OUTPUT, cett))).toList();
    List<String> names = new ArrayList<>(List.of(EACH_TOKEN));
    Arrays.stream(SequenceMethod.Tda.values()).map(SequenceMethod::key).forEach(names::add);
    names.add("griffin");
    ContinuationQuality quality = engine.continuationQuality(layers);
    List<Window> dense = new ArrayList<>();
    List<List<List<Window>>> runs = new ArrayList<>(); // by method, by level
    List<List<List<Window>>> leading = new ArrayList<>();
    for (int[] text : texts) {
      List<List<Choice>> choices = choices(engine, thresholds);
      ContinuationQuality.Result result =
          quality.measure(text, promptTokens, choices.stream().flatMap(List::stream).toList());
      dense.add(result.dense());
      int next = 0;
      for (int m = 0; m < choices.size(); m++) {
        if (runs.size() == m) {
          runs.add(new ArrayList<>());
          leading.add(new ArrayList<>());
        }
        for (int level = 0; level < choices.get(m).size(); level++) {
          if (runs.get(m).size() == level) {
            runs.get(m).add(new ArrayList<>());
            leading.get(m).add(new ArrayList<>());
          }
          Window window = result.windows().get(next);
          runs.get(m).get(level).add(window);
          leading.get(m).get(level).add(new Window(window.nats(),
              result.leadingShares().get(next), window.divergenceNats(), window.activeShare()));
          next++;
        }
      }
    }
    return new Outcome(new Continued(dense, series(names, runs)), series(names, leading));
  }

  private static List<Series> series(List<String> names, List<List<List<Window>>> runs) {
    return IntStream.range(0, names.size())
        .mapToObj(m -> new Series(names.get(m), runs.get(m))).toList();
  }

  /** By method, in the order of the series, at ascending sparsity; truncation begins where zeros alone are left out. */
  private static List<List<Choice>> choices(Engine engine, List<Activity> thresholds) {
    List<List<Choice>> choices = new ArrayList<>();
    choices.add(Stream.concat(Stream.of(engine.activity()), thresholds.stream())
        .map(one -> (Choice) new Choice.EachToken(one)).toList());
    for (SequenceMethod.Tda tda : SequenceMethod.Tda.values()) {
      choices.add(thresholds.stream()
          .map(one -> (Choice) new Choice.ByPrompt(engine.sequencePredictor(tda, one))).toList());
    }
    choices.add(PERCENTS.stream()
        .map(percent -> (Choice) new Choice.ByPrompt(engine
            .sequencePredictor(new SequenceMethod.Griffin(percent), thresholds.getFirst())))
        .toList());
    return choices;
  }

  static QualityCurve curve(Continued continued, Series series) {
    return new QualityCurve(continued.dense, series.runs);
  }

  private static double rise(QualityCurve curve, double sparsity, int[] sample) {
    return Math.expm1(curve.atSparsity(sparsity, Figure.NATS, sample) - curve.denseNats(sample));
  }

  /** An end of an interval in per cent; of a few texts it would mean little. */
  private static double end(Case one, double end) {
    return one.continued.dense.size() < FEWEST_WITH_INTERVALS ? Double.NaN : 100 * end;
  }

  private static List<Column> figures() {
    return List.of(
        Column.figure("perplexity_rise_percent", "Δ perplexity, %", "Δ ppl\n%", Digits.ONE)
            .meaning("Of the true continuation, over the dense run's."),
        Column.figure("low_perplexity_rise_percent", "from", "from", Digits.ONE).ranked(3),
        Column.figure("high_perplexity_rise_percent", "to", "to", Digits.ONE).ranked(3),
        Column.figure("accuracy_percent", "next-token accuracy, %", "top-1\n%", Digits.ONE)
            .ranked(1),
        Column.figure("kl_nats_per_token", "KL from dense, nats", "KL\nnats", Digits.THREE)
            .ranked(2));
  }

  private static ResultTable equalSparsity(List<Case> cases, PairedBootstrap bootstrap) {
    List<Column> columns = new ArrayList<>(List.of(
        Column.text("model", "model"),
        Column.figure("prompt_tokens", "prompt, tokens", "prompt", Digits.COUNT),
        Column.figure("sparsity_percent", "sparsity, %", "sparse\n%", Digits.COUNT),
        Column.text("method", "method")));
    columns.addAll(figures());
    Rows rows = new Rows();
    for (Case one : cases) {
      for (double sparsity : SPARSITIES) {
        for (Series series : one.continued.series) {
          QualityCurve curve = curve(one.continued, series);
          Interval rise = bootstrap.interval(sample -> rise(curve, sparsity, sample));
          Interval accuracy = bootstrap
              .interval(sample -> curve.atSparsity(sparsity, Figure.ACCURACY, sample));
          Interval divergence = bootstrap
              .interval(sample -> curve.atSparsity(sparsity, Figure.DIVERGENCE, sample));
          rows.add(one.model.model().name(), one.promptTokens, 100 * sparsity, series.method,
              100 * rise.value(), end(one, rise.low()), end(one, rise.high()),
              100 * accuracy.value(),
              divergence.value());
        }
      }
    }
    return new ResultTable("continuations", "Continuations at equal sparsity", Place.PAGE,
        columns, rows.all());
  }

  private static ResultTable halfLeftOut(List<Case> cases, List<Integer> prompts,
      PairedBootstrap bootstrap) {
    List<Column> columns = new ArrayList<>(
        List.of(Column.text("model", "model"), Column.text("method", "method")));
    for (int promptTokens : prompts) {
      columns.add(Column.figure("perplexity_rise_after_" + promptTokens + "_percent",
          "Δ perplexity after " + promptTokens + " tokens, %", "Δ ppl, %\n" + promptTokens,
          Digits.ONE)
          .meaning(
              "Of the true continuation after a prompt so long, half of the neurons left out."));
    }
    Rows rows = new Rows();
    for (int first = 0; first < cases.size(); first += prompts.size()) {
      List<Case> ofModel = cases.subList(first, first + prompts.size());
      for (int m = 0; m < ofModel.getFirst().continued.series.size(); m++) {
        int method = m;
        List<Object> row = new ArrayList<>(List.of(ofModel.getFirst().model.model().name(),
            ofModel.getFirst().continued.series.get(m).method));
        ofModel.forEach(one -> {
          QualityCurve curve = curve(one.continued, one.continued.series.get(method));
          row.add(100 * bootstrap.interval(s -> rise(curve, HALF, s)).value());
        });
        rows.add(row.toArray());
      }
    }
    return new ResultTable("continuations_half", "Half of the neurons left out",
        Place.EVERYWHERE, columns, rows.all());
  }

  /** What was run, after prompts of middling length. */
  private static ResultTable points(List<Case> cases, PairedBootstrap bootstrap) {
    List<Column> columns = new ArrayList<>(List.of(
        Column.text("model", "model"), Column.text("method", "method"),
        Column.figure("sparsity_percent", "sparsity, %", "sparse\n%", Digits.ONE)));
    columns.addAll(figures());
    Rows rows = new Rows();
    for (Case one : cases) {
      if (one.promptTokens != CHARTED_PROMPT_TOKENS) {
        continue;
      }
      for (Series series : one.continued.series) {
        QualityCurve curve = curve(one.continued, series);
        for (int run = 0; run < series.runs.size(); run++) {
          int at = run;
          Interval rise = bootstrap.interval(sample -> Math.expm1(
              curve.at(at, Figure.NATS, sample) - curve.denseNats(sample)));
          rows.add(one.model.model().name(), series.method,
              100 * bootstrap.interval(sample -> curve.sparsity(at, sample)).value(),
              100 * rise.value(), end(one, rise.low()), end(one, rise.high()),
              100 * bootstrap.interval(s -> curve.at(at, Figure.ACCURACY, s)).value(),
              bootstrap.interval(s -> curve.at(at, Figure.DIVERGENCE, s)).value());
        }
      }
    }
    return new ResultTable("continuations_at_96", "Runs after prompts of 96 tokens", Place.PAGE,
        columns, rows.all());
  }

  /** Which prompt method is best where half is left out, and how far it is from choosing at each token. */
  private static String verdict(List<Case> cases, int promptTokens,
      PairedBootstrap bootstrap) {
    List<String> parts = new ArrayList<>();
    for (Case one : cases) {
      if (one.promptTokens != promptTokens) {
        continue;
      }
      String best = "";
      double least = Double.POSITIVE_INFINITY;
      double eachToken = Double.NaN;
      for (Series series : one.continued.series) {
        QualityCurve curve = curve(one.continued, series);
        double rise = bootstrap.interval(sample -> rise(curve, HALF, sample)).value();
        if (series.method.equals(EACH_TOKEN)) {
          eachToken = rise;
        } else if (rise < least) {
          least = rise;
          best = series.method;
        }
      }
      parts.add(best.isEmpty() ? one.model.model().name() + " more than was run"
          : String.format(Locale.ROOT, "%s %+.1f %% by %s (%s chosen at each token)",
              one.model.model().name(), 100 * least, best, Double.isNaN(eachToken) ? "not run"
                  : String.format(Locale.ROOT, "%+.1f %%", 100 * eachToken)));
    }
    return "With half of the neurons left out after a prompt of " + promptTokens
        + " tokens, the best choice by the prompt costs "
        + String.join(", ", parts) + " of perplexity.";
  }
}
