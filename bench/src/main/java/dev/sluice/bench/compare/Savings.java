package dev.sluice.bench.compare;

import dev.sluice.bench.compare.Comparison.Saved;
import dev.sluice.bench.compare.Comparison.SavedPoint;
import dev.sluice.bench.compare.Comparison.Side;
import dev.sluice.bench.compare.Ladder.BundleWidth;
import dev.sluice.bench.compare.Ladder.Configuration;
import dev.sluice.bench.compare.Subject.Sparsity;
import dev.sluice.engine.ledger.Summary;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * I/O saved by the first model against the second: 1 − B_first/B_second with B the flash bytes per token at equal held-out
 * loss and equal resident memory (docs/method.md). Each side gets its best realisable configuration: of its rules and quantised
 * copies, and of streaming all that is not pinned, the one that reads least in a short real run, which is then run in
 * full. Cache and merging are the whole method's for both.
 */
final class Savings {
  private static final double EQUAL_CETT = 0.1;

  private final Comparer.Options options;
  private final Progress progress;

  /** What is made equal, and the rules and targets that meet it on a model. */
  private record Equality(String name, Function<Subject, List<Target>> targets) {}

  private record Target(ActiveRule rule, double cett) {}

  private record Candidate(Configuration configuration, double bytesPerToken) {}

  Savings(Comparer.Options options, Progress progress) {
    this.options = options;
    this.progress = progress;
  }

  List<Saved> measure(Subject first, Subject second, BundleWidth width) {
    // The larger of the two losses at +1 %: one that both models can reach and stay useful.
    double nats = Math.max(onePercentLoss(first), onePercentLoss(second));
    Equality loss = new Equality("equal absolute loss",
        subject -> each(subject, rule -> atLoss(subject, rule, nats)));
    Equality onePercent =
        new Equality("each at +1 % perplexity", subject -> each(subject, subject::onePercentCett));
    Equality cett =
        new Equality("equal CETT " + EQUAL_CETT, subject -> each(subject, _ -> EQUAL_CETT));
    Equality lossless =
        new Equality(
            "exact rule, no threshold",
            subject -> subject.gated() ? List.of() : List.of(new Target(ActiveRule.EXACT, 0)));
    List<Double> usual = List.of(options.ramShare());
    List<Double> shares =
        width == BundleWidth.PADDED ? options.savedShares() : options.ownWidthSavedShares();
    return List.of(
        curve(loss, first, second, width, shares),
        curve(onePercent, first, second, width, usual),
        curve(cett, first, second, width, usual),
        curve(lossless, first, second, width, usual));
  }

  private static List<Target> each(Subject subject, Function<ActiveRule, Double> cett) {
    return subject.rules().stream().map(rule -> new Target(rule, cett.apply(rule)))
        .filter(t -> t.cett > 0).toList();
  }

  private double atLoss(Subject subject, ActiveRule rule, double nats) {
    return subject.cettAtLoss(rule, nats, options.matchedTokens());
  }

  private double onePercentLoss(Subject subject) {
    return nats(subject, new Target(ActiveRule.OUTPUT, subject.onePercentCett(ActiveRule.OUTPUT)));
  }

  /** Losses are matched by the rule alone; what a copy adds to it stands in the result. */
  private double nats(Subject subject, Target target) {
    return subject
        .perplexity(new Sparsity(target.rule, target.cett, PredictorChoice.ALL),
            options.matchedTokens())
        .nats();
  }

  private Saved curve(Equality equality, Subject first, Subject second, BundleWidth width,
      List<Double> shares) {
    List<SavedPoint> points = new ArrayList<>();
    String stage = equality.name + (width == BundleWidth.PADDED ? ", padded" : "");
    for (double share : shares) {
      progress.report(stage, points.size(), shares.size());
      Side a = best(first, width, equality, share);
      Side b = best(second, width, equality, share);
      points.add(new SavedPoint(share, a, b, 1 - a.bytesPerToken() / b.bytesPerToken()));
    }
    progress.report(stage, shares.size(), shares.size());
    return new Saved(equality.name, width == BundleWidth.PADDED, points);
  }

  private Side best(Subject subject, BundleWidth width, Equality equality, double share) {
    Ladder ladder = new Ladder(subject, width, options);
    List<Configuration> configurations = new ArrayList<>();
    // Dense streaming meets every loss, and where few neurons are inactive it may read least.
    configurations.add(Ladder.pinnedDense());
    for (Target target : equality.targets.apply(subject)) {
      for (PredictorChoice copy : subject.copies()) {
        Sparsity sparsity = new Sparsity(target.rule, target.cett, copy);
        if (ladder.fits(sparsity, share)) {
          configurations.add(Ladder.full("", sparsity));
        }
      }
    }
    Candidate best = new Candidate(configurations.getFirst(), Double.POSITIVE_INFINITY);
    for (Configuration configuration : configurations) {
      double bytes = ladder.sketch(configuration, share).bytesReadPerToken();
      if (bytes < best.bytesPerToken) {
        best = new Candidate(configuration, bytes);
      }
    }
    return side(subject, ladder, best.configuration, share);
  }

  private Side side(Subject subject, Ladder ladder, Configuration configuration, double share) {
    Sparsity sparsity = configuration.sparsity();
    Ladder.Streamed streamed = ladder.streamOne(configuration, share);
    Summary figures = streamed.figures();
    return new Side(
        sparsity.rule().key(),
        sparsity.predictor().toString(),
        sparsity.cett(),
        subject.perplexity(sparsity, options.matchedTokens()).nats(),
        figures.bytesReadPerToken(),
        figures.requestsPerToken(),
        figures.ioMillisPerToken(),
        figures.hitRate(),
        streamed.residency().slots() + " slots, " + streamed.residency().pinned() + " pinned");
  }
}
