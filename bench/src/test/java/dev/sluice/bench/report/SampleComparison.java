package dev.sluice.bench.report;

import dev.sluice.bench.compare.Comparison;
import dev.sluice.bench.compare.Comparison.ModelResult;
import dev.sluice.bench.compare.Comparison.Quality;
import dev.sluice.bench.compare.Comparison.Rung;
import dev.sluice.bench.compare.Comparison.Saved;
import dev.sluice.bench.compare.Comparison.SavedPoint;
import dev.sluice.bench.compare.Comparison.Setting;
import dev.sluice.bench.compare.Comparison.Side;
import dev.sluice.bench.compare.Comparison.Width;
import dev.sluice.engine.ledger.Summary;
import java.util.ArrayList;
import java.util.List;

/** A made-up comparison with plausible figures: no figure in it was measured. */
final class SampleComparison {
  private static final List<String> LADDER =
      List.of(
          "dense streaming", "half pinned, rest streamed", "predicted, rows apart",
          "+ row-column bundles", "+ window",
          "+ co-activation order", "+ merged reads");
  private static final List<String> WITHOUT =
      List.of("without prediction", "without bundles", "without window", "without order",
          "without merging");

  private SampleComparison() {}

  /**
   * A made-up model.
   *
   * @param ladder FFN share read per token on each rung
   * @param without the same with one part left out
   * @param bundleBytes own and padded
   */
  private record Made(
      String name, String activation, int neurons, double perplexity, double cett, double active,
      double[] ladder,
      double[] without, int[] bundleBytes) {}

  private static final Made RELU2 =
      new Made("relu2", "ReLU², ungated", 1024, 58.21, 0.08125, 0.081,
          new double[] {1, 0.5, 0.121, 0.047, 0.036, 0.033, 0.035},
          new double[] {0.52, 0.094, 0.047, 0.039, 0.033}, new int[] {1024, 10240});
  private static final Made SWIGLU =
      new Made("swiglu", "SiLU, gated", 688, 57.17, 0.05625, 0.307,
          new double[] {1, 0.5, 0.284, 0.171, 0.148, 0.142, 0.149},
          new double[] {0.51, 0.248, 0.172, 0.155, 0.142}, new int[] {1536, 15360});

  static Comparison sample() {
    return new Comparison(
        new Setting(
            "sluice compare (sample, not measured)", "ext4, io_uring O_DIRECT",
            "amd64, 2 threads, VECTOR kernels",
            "held-out.txt", 16384, 4096, 192, 64, 24, 0.5, 0.5),
        List.of(model(RELU2), model(SWIGLU)),
        List.of(
            curve(false), single("each at +1 % perplexity", false, 0.71),
            single("equal CETT 0.1", false, 0.38),
            single("lossless: exact rule against dense", false, 0.52),
            curve(true), single("each at +1 % perplexity", true, 0.78),
            single("equal CETT 0.1", true, 0.44),
            single("lossless: exact rule against dense", true, 0.61)));
  }

  /** The sample with its first model called {@code name}. */
  static Comparison named(String name) {
    Comparison sample = sample();
    Made made =
        new Made(name, RELU2.activation, RELU2.neurons, RELU2.perplexity, RELU2.cett, RELU2.active,
            RELU2.ladder,
            RELU2.without, RELU2.bundleBytes);
    return new Comparison(sample.setting(), List.of(model(made), model(SWIGLU)), sample.saved());
  }

  private static ModelResult model(Made made) {
    long ffn = 6L * made.neurons * made.bundleBytes[0];
    List<Quality> rules = new ArrayList<>();
    boolean gated = made.activation.contains(", gated");
    rules.add(quality(made, "exact", "all", 0, 1, gated ? 1 : 0.318, 1, 0));
    if (!gated) {
      rules.add(quality(made, "exact", "quantised-4", 0, 1.0004, 0.318, 0.9991, 983_040));
    }
    rules.add(quality(made, "output", "oracle", made.cett, 1.0063, made.active, 1, 0));
    rules.add(
        quality(made, "output", "quantised-4", made.cett, 1.0078, made.active, 0.9936, 983_040));
    if (gated) {
      rules.add(quality(made, "gate", "oracle", 0.05, 1.0039, 0.576, 1, 0));
      rules.add(quality(made, "gate", "quantised-4", 0.05, 1.0051, 0.576, 0.9958, 660_480));
    }
    return new ModelResult(
        made.name, made.activation, 6, made.neurons, 256, ffn, made.bundleBytes[0], made.perplexity,
        Math.log(made.perplexity), made.cett, rules,
        List.of(width(made, false), width(made, true)));
  }

  private static Quality quality(
      Made made, String rule, String predictor, double cett, double worse, double active,
      double recall, long bytes) {
    double[] shape = {1.6, 0.62, 0.8, 0.86, 0.98, 1.14};
    List<Double> layers = new ArrayList<>();
    for (double factor : shape) {
      layers.add(Math.min(1, active * (active > 0.9 ? 1 : factor)));
    }
    return new Quality(
        rule, predictor, cett, made.perplexity * worse, Math.log(made.perplexity * worse), 0.256,
        active,
        Math.min(1, active * (predictor.startsWith("quantised") ? 1.18 : 1)), recall,
        0.5 + recall / 2, bytes, layers);
  }

  private static Width width(Made made, boolean padded) {
    int bytes = made.bundleBytes[padded ? 1 : 0];
    long ffn = 6L * made.neurons * bytes;
    List<Rung> ladder = new ArrayList<>();
    for (int i = 0; i < LADDER.size(); i++) {
      ladder.add(rung(made, padded, ffn, LADDER.get(i), i, made.ladder[i], i == 6 || i < 2));
    }
    List<Rung> without = new ArrayList<>();
    for (int i = 0; i < WITHOUT.size(); i++) {
      without.add(rung(made, padded, ffn, WITHOUT.get(i), i == 0 ? 1 : 5, made.without[i], i < 4));
    }
    return new Width(padded, bytes, ffn, ffn / 2, ladder, without);
  }

  private static Rung rung(
      Made made, boolean padded, long ffn, String name, int step, double share, boolean merged) {
    boolean dense = step < 2;
    // At their own width a page holds several bundles, so a read of one costs more.
    double bytes = ffn * share * (dense || padded ? 1 : 2.3);
    double request = merged ? dense ? 262_144 : 19_000 : padded ? made.bundleBytes[1] : 4096;
    double requests = bytes / request;
    double millis = requests * 0.018 + bytes / 1.6e6;
    double used = ffn * made.active;
    double hit = step == 0 ? 1 : step == 1 ? 0.5 : 0.5 + 0.06 * step;
    Summary figures =
        new Summary(
            dense ? 24 : 192, bytes, used, requests, request, bytes / 1e3 / millis,
            bytes / 1e3 / millis * (dense ? made.active : 0.6), millis, millis + 3.4, hit,
            hit - 0.11,
            6 * made.neurons * made.active, 6 * made.neurons * made.active * 1.18, 120,
            dense ? 0 : 0.42,
            0.11, 0.08, 1.9, 0.7, 0.2, 0.05, 0);
    return new Rung(
        name, name.contains("apart") || name.contains("without bundles") ? "rows apart" : "bundles",
        step > 4 ? "co-activation" : "checkpoint", dense ? "exact" : "output",
        dense ? "all" : "quantised-4",
        dense ? 0 : made.cett, step == 0 ? 0 : 2200, step == 0 ? 0 : 1100,
        merged ? "gaps up to 16 KiB" : "none",
        made.perplexity * (dense ? 1 : 1.0078), figures);
  }

  private static Saved curve(boolean padded) {
    List<SavedPoint> points = new ArrayList<>();
    for (int eighths = 1; eighths <= 6; eighths++) {
      points.add(point(eighths / 8.0, padded, 0.42 + 0.07 * eighths + (padded ? 0.06 : 0)));
    }
    return new Saved("equal absolute loss", padded, points);
  }

  private static Saved single(String equality, boolean padded, double saved) {
    return new Saved(equality, padded, List.of(point(0.5, padded, saved)));
  }

  private static SavedPoint point(double ram, boolean padded, double saved) {
    double swiglu = (padded ? 63.4e6 : 6.34e6 * 2.1) * 0.3 * Math.pow(1 - ram, 1.4);
    return new SavedPoint(
        ram, side("output", "quantised-2", swiglu * (1 - saved), padded),
        side("gate", "quantised-4", swiglu, padded),
        saved);
  }

  private static Side side(String rule, String predictor, double bytes, boolean padded) {
    double requests = bytes / (padded ? 24_000 : 9_000);
    return new Side(
        rule, predictor, 0.1047, 4.0762, bytes, requests, requests * 0.018 + bytes / 1.6e6, 0.83,
        "bundles, co-activation order, 2200 slots");
  }
}
