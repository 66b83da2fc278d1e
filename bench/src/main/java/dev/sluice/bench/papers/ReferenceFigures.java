package dev.sluice.bench.papers;

import dev.sluice.bench.papers.DenseRun.LayerFigures;
import dev.sluice.bench.papers.DenseRun.SetFigures;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.TargetSearch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Figures of a model as a PyTorch reference has them ({@code expected.json} of the twins, by the definitions in it), each
 * beside what Sluice measures.
 */
final class ReferenceFigures {
  /** The reference's divergences are of the first windows only. */
  private static final int DIVERGENCE_WINDOWS = 8;

  /** How rows at a CETT-PPL-1 % target begin. */
  private static final String ONE_PERCENT = "ppl_1pct";

  private static final List<Integer> NEW_SHARES = List.of(1, 2, 4, 8, 16);

  private final Path file;
  private final JsonNode expected;
  private final List<Pair> pairs = new ArrayList<>();

  /** A kind of figure, how far it may be off, and what the reference rounds away. */
  enum Quantity {
    TARGET("CETT-PPL-1 % target", 0.01, 0),
    THRESHOLD("threshold", 0.01, 0),
    PERPLEXITY("perplexity", 0.01, 0),
    ACCURACY("next-token accuracy", 0.01, 0),
    DIVERGENCE("KL from dense", 0.03, 5e-7),
    // A handful of exact zeros among tens of millions of SiLU outputs depends on the last bit.
    ZERO("zero share", 0.01, 1e-6),
    ACTIVE_DENSE("active share, dense run", 0.01, 0),
    ACTIVE_SPARSE("active share, thresholded run", 0.01, 0),
    REUSE("reuse", 0.01, 0),
    REUSE_NULL("reuse, null", 0.01, 0),
    GAP("co-activation gap", 0.03, 0),
    GAP_NULL("co-activation gap, null", 0.03, 0),
    NEW("new share", 0.01, 5e-5);

    private final String title;
    private final double tolerance;
    private final double rounded;

    Quantity(String title, double tolerance, double rounded) {
      this.title = title;
      this.tolerance = tolerance;
      this.rounded = rounded;
    }

    String title() {
      return title;
    }

    /** As a share of the expected value. */
    double tolerance() {
      return tolerance;
    }
  }

  /**
   * @param row of the reference, such as {@code cett_0.1}
   * @param layer −1 where the figure is of the whole model
   */
  record Pair(Quantity quantity, String row, int layer, double expected, double measured) {
    /** |measured − expected| beyond what the reference rounds away, over the expected value. */
    double deviation() {
      double off = Math.max(0, Math.abs(measured - expected) - quantity.rounded);
      return off == 0 ? 0 : off / Math.abs(expected);
    }

    boolean agrees() {
      return deviation() <= quantity.tolerance;
    }
  }

  /**
   * @throws BadInputException if the file is not such figures
   */
  ReferenceFigures(Path file) {
    this.file = file;
    try {
      this.expected = JsonMapper.shared().readTree(file.toFile());
    } catch (JacksonException e) {
      throw new BadInputException(file, "cannot be read as JSON", "restore it, or leave it out", e);
    }
    if (!expected.path("thresholded").isObject()) {
      throw new BadInputException(file, "has no thresholded figures", "restore it");
    }
  }

  /** How many measurements {@link #compare} asks for. */
  int steps() {
    return 2 + expected.get("thresholded").size();
  }

  /**
   * Everything there is to compare. Figures of the whole held-out text are left out where only a part of it is measured.
   *
   * @param step called before each measurement
   */
  List<Pair> compare(Measurements measurements, Runnable step) {
    PaperModel model = measurements.model();
    boolean whole = measurements.heldOut().length == model.tokens(Integer.MAX_VALUE).length;
    JsonNode rows = expected.get("thresholded");
    step.run();
    QualityRun dense = measurements.dense();
    step.run();
    if (whole) {
      DenseRun denseRun = measurements.denseRun();
      add(Quantity.PERPLEXITY, "dense", figure(expected.get("dense"), "perplexity"),
          dense.perplexity());
      add(Quantity.ACCURACY, "dense", figure(expected.get("dense"), "accuracy"),
          dense.accuracy());
      add(Quantity.ZERO, "dense", figures(expected.get("dense"), "zero_share"),
          denseRun.layers().stream().map(DenseRun.Magnitudes::zeroShare).toList());
    }
    for (String row : rows.propertyNames()) {
      step.run();
      compareRow(measurements, row, rows.get(row), whole);
    }
    return List.copyOf(pairs);
  }

  /**
   * A search of a CETT-PPL-1 % target beside the reference's.
   *
   * @param ours the target that our search found
   */
  record Searched(ActiveRule rule, double reference, double ours, TargetSearch tried) {}

  /** Searches that the store remembers, where the reference has one of the same rule. */
  List<Searched> searches(PaperModel model) {
    List<Searched> searches = new ArrayList<>();
    for (String row : expected.get("thresholded").propertyNames()) {
      Selection selection = selection(expected.get("thresholded").get(row));
      OptionalDouble found = model.onePercent(selection.rule());
      if (row.startsWith(ONE_PERCENT) && found.isPresent()) {
        model.search(selection.rule()).ifPresent(tried -> searches
            .add(new Searched(selection.rule(), selection.cett(), found.getAsDouble(), tried)));
      }
    }
    return searches;
  }

  /** The selections whose figures the reference has. */
  List<Selection> selections() {
    List<Selection> selections = new ArrayList<>();
    expected.get("thresholded").forEach(figures -> selections.add(selection(figures)));
    return selections;
  }

  private Selection selection(JsonNode figures) {
    double target = figure(figures, "cett_target");
    return target == 0 ? Selection.EXACT
        : new Selection(ActiveRule.ofKey(figures.get("rule").stringValue()), target);
  }

  private void compareRow(Measurements measurements, String row, JsonNode figures,
      boolean whole) {
    Selection selection = selection(figures);
    ActiveRule rule = selection.rule();
    double target = selection.cett();
    if (row.startsWith(ONE_PERCENT)) {
      measurements.model().onePercent(rule)
          .ifPresent(found -> add(Quantity.TARGET, row, target, found));
    }
    List<Double> thresholds = new ArrayList<>();
    for (float threshold : measurements.model().activity(selection).thresholds()) {
      thresholds.add((double) threshold);
    }
    add(Quantity.THRESHOLD, row, figures(figures, "threshold"), thresholds);
    QualityRun run = measurements.quality(selection);
    add(Quantity.DIVERGENCE, row, figure(figures, "kl"), run.divergence(DIVERGENCE_WINDOWS));
    if (!whole) {
      return;
    }
    SetFigures set = measurements.denseRun().set(selection);
    add(Quantity.PERPLEXITY, row, figure(figures, "perplexity"), run.perplexity());
    add(Quantity.ACCURACY, row, figure(figures, "accuracy"), run.accuracy());
    add(Quantity.ACTIVE_DENSE, row, figures(figures, "active_dense_run"),
        each(set, LayerFigures::active));
    add(Quantity.ACTIVE_SPARSE, row, figures(figures, "active_thresholded_run"),
        run.activeByLayer());
    JsonNode layers = figures.get("per_layer");
    add(Quantity.REUSE, row, figuresOf(layers, "reuse"), each(set, one -> one.reuse().get(0)));
    add(Quantity.REUSE_NULL, row, figuresOf(layers, "reuse_null"),
        each(set, LayerFigures::reuseIfIndependent));
    add(Quantity.GAP, row, figuresOf(layers, "coactivation_gap"), each(set, LayerFigures::gap));
    add(Quantity.GAP_NULL, row, figuresOf(layers, "coactivation_gap_null"),
        each(set, LayerFigures::gapIfIndependent));
    for (int previous : NEW_SHARES) {
      int at = DenseRun.LAGS.indexOf(previous);
      List<Double> wanted = new ArrayList<>();
      layers.forEach(
          layer -> wanted.add(figure(layer.get("new_share"), Integer.toString(previous))));
      add(Quantity.NEW, row, wanted, each(set, one -> one.newShare().get(at)));
    }
  }

  private static List<Double> each(SetFigures set, ToDoubleFunction<LayerFigures> figure) {
    return set.layers().stream().map(figure::applyAsDouble).toList();
  }

  private void add(Quantity quantity, String row, double wanted, double measured) {
    pairs.add(new Pair(quantity, row, -1, wanted, measured));
  }

  private void add(Quantity quantity, String row, List<Double> wanted, List<Double> measured) {
    if (wanted.size() != measured.size()) {
      throw new BadInputException(file, "has figures of " + wanted.size() + " layers, not of "
          + measured.size(), "give the file of this model");
    }
    for (int layer = 0; layer < wanted.size(); layer++) {
      pairs.add(new Pair(quantity, row, layer, wanted.get(layer), measured.get(layer)));
    }
  }

  private double figure(JsonNode node, String key) {
    JsonNode value = node == null ? null : node.get(key);
    if (value == null || !value.isNumber()) {
      throw new BadInputException(file, "has no number " + key, "restore it");
    }
    return value.doubleValue();
  }

  private List<Double> figures(JsonNode node, String key) {
    List<Double> values = new ArrayList<>();
    node.path(key).forEach(value -> values.add(value.doubleValue()));
    return values;
  }

  private List<Double> figuresOf(JsonNode layers, String key) {
    List<Double> values = new ArrayList<>();
    layers.forEach(layer -> values.add(figure(layer, key)));
    return values;
  }
}
