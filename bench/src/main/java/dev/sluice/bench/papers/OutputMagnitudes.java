package dev.sluice.bench.papers;

import dev.sluice.bench.papers.DenseRun.Magnitudes;
import dev.sluice.bench.papers.Findings.Chart;
import dev.sluice.bench.papers.Findings.Scale;
import dev.sluice.bench.papers.ResultTable.Column;
import dev.sluice.bench.papers.ResultTable.Digits;
import dev.sluice.bench.papers.ResultTable.Place;
import dev.sluice.bench.papers.ResultTable.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** How large neurons' outputs are: the long tail, beside the mere count of zeros. */
final class OutputMagnitudes implements Experiment {
  private static final int TENTH = DenseRun.TOPS.indexOf(0.1);
  private static final int MEDIAN = DenseRun.QUANTILES.indexOf(0.5);
  private static final int LAST = DenseRun.QUANTILES.indexOf(0.99);

  @Override
  public String key() {
    return "magnitudes";
  }

  @Override
  public int weight() {
    return 5;
  }

  @Override
  public Findings run(Laboratory laboratory) {
    laboratory.expect(laboratory.models().size());
    Rows models = new Rows();
    Rows layers = new Rows();
    Rows octaves = new Rows();
    Rows tops = new Rows();
    List<String> sentences = new ArrayList<>();
    sentences.add(
        "The magnitude of a neuron's output is |h|·‖its column of down‖, here over the mean of its layer, zeros included, "
            + "in a dense run over the held-out text. A long tail means that few outputs hold most of the sum, whether or not the "
            + "others are exactly 0.");
    for (Measurements model : laboratory.models()) {
      String name = model.model().name();
      laboratory.step(name);
      List<Magnitudes> all = model.denseRun().layers();
      row(models, List.of(name, model.model().activation()), figure -> mean(all, figure));
      for (int layer = 0; layer < all.size(); layer++) {
        Magnitudes one = all.get(layer);
        row(layers, List.of(name, (double) layer), figure -> figure.applyAsDouble(one));
      }
      for (int k = 0; k < DenseRun.HIGHEST_OCTAVE - DenseRun.LOWEST_OCTAVE; k++) {
        int at = k;
        octaves.add(name, Math.pow(2, DenseRun.LOWEST_OCTAVE + k + 0.5),
            100 * mean(all, one -> one.octaveShares().get(at)));
      }
      for (int k = 0; k < DenseRun.TOPS.size(); k++) {
        int at = k;
        tops.add(name, 100 * DenseRun.TOPS.get(k), 100 * mean(all, one -> one.topShares().get(at)));
      }
      sentences.add(String.format(Locale.ROOT,
          "%s (%s): %.1f %% of outputs are exactly 0; the largest tenth of outputs holds %.1f %% of all magnitude.",
          name,
          model.model().activation(), 100 * mean(all, Magnitudes::zeroShare),
          100 * mean(all, one -> one.topShares().get(TENTH))));
    }
    List<Column> byModel = new ArrayList<>(List.of(Column.text("model", "model"),
        Column.text("activation", "activation")));
    byModel.addAll(columns());
    List<Column> byLayer = new ArrayList<>(List.of(Column.text("model", "model"),
        Column.figure("layer_number", "layer", "layer", Digits.COUNT)));
    byLayer.addAll(columns());
    return new Findings(key(), "Neuron output magnitudes", sentences,
        List.of(
            new ResultTable("models", "Magnitudes, mean over layers", Place.EVERYWHERE, byModel,
                models.all()),
            new ResultTable("layers", "Magnitudes by layer", Place.PAGE, byLayer, layers.all()),
            new ResultTable("octaves", "Distribution over octaves", Place.FILES,
                List.of(Column.text("model", "model"),
                    Column.figure("magnitude_over_mean", "magnitude / layer's mean", "over mean",
                        Digits.THREE),
                    Column.figure("outputs_percent", "outputs in this octave, %", "%",
                        Digits.TWO)),
                octaves.all()),
            new ResultTable("tops", "Share of all magnitude", Place.FILES,
                List.of(Column.text("model", "model"),
                    Column.figure("top_percent", "largest outputs, %", "top", Digits.ONE),
                    Column.figure("magnitude_percent", "of all magnitude, %", "%", Digits.ONE)),
                tops.all())),
        List.of(
            new Chart("Outputs by magnitude", "octaves", "magnitude_over_mean",
                "outputs_percent", List.of("model"), "", Scale.LOGARITHMIC),
            new Chart("What the largest outputs hold", "tops", "top_percent",
                "magnitude_percent", List.of("model"), "", Scale.LOGARITHMIC)));
  }

  private static double mean(List<Magnitudes> layers, ToDoubleFunction<Magnitudes> figure) {
    return layers.stream().mapToDouble(figure).average().orElseThrow();
  }

  private static void row(Rows rows, List<Object> names,
      Function<ToDoubleFunction<Magnitudes>, Double> figure) {
    List<Object> row = new ArrayList<>(names);
    row.add(100 * figure.apply(Magnitudes::zeroShare));
    row.add(figure.apply(one -> one.quantiles().get(MEDIAN)));
    row.add(figure.apply(one -> one.quantiles().get(LAST)));
    for (int k = 0; k < DenseRun.TOPS.size(); k++) {
      int at = k;
      row.add(100 * figure.apply(one -> one.topShares().get(at)));
    }
    rows.add(row.toArray());
  }

  private static List<Column> columns() {
    List<Column> columns = new ArrayList<>(List.of(
        Column.figure("zero_percent", "exactly 0, %", "zero\n%", Digits.ONE)
            .meaning("Outputs that are exactly 0, of all neurons and positions."),
        Column.figure("median_over_mean", "median / mean", "median\n/ mean", Digits.THREE),
        Column.figure("p99_over_mean", "99th percentile / mean", "P99\n/ mean", Digits.THREE)));
    for (double top : DenseRun.TOPS) {
      String percent = String.format(Locale.ROOT, "%.0f", 100 * top);
      columns.add(Column.figure("top_" + percent + "_magnitude_percent",
          "held by the top " + percent + " %, %", "top\n" + percent + " %", Digits.ONE)
          .meaning("Share of the layer's summed magnitude that the largest " + percent
              + " % of outputs hold."));
    }
    return columns;
  }
}
