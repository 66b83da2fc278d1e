package dev.sluice.bench.compare;

import dev.sluice.bench.compare.Comparison.Saved;
import dev.sluice.bench.compare.Comparison.SavedPoint;
import dev.sluice.bench.compare.Comparison.Side;
import dev.sluice.bench.compare.Ladder.BundleWidth;
import dev.sluice.bench.compare.Ladder.Configuration;
import dev.sluice.bench.compare.Subject.Sparsity;
import dev.sluice.engine.session.PredictorChoice;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.threshold.ActiveRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * I/O saved by the first model against the second: 1 − B_first/B_second with B the flash bytes per token at equal held-out
 * loss and equal resident memory (DESIGN §8). Each side gets its best realisable configuration: of its rules and quantised
 * copies the one that reads least in a short real run, which is then run in full.
 */
final class Savings {
  private static final double EQUAL_CETT = 0.1;

  private final Comparer.Options options;
  private final Progress progress;

  Savings(Comparer.Options options, Progress progress) {
    this.options = options;
    this.progress = progress;
  }

  List<Saved> measure(Subject first, Subject second, BundleWidth width) {
    // The first model's loss at its own 1 % point is a loss that both can reach.
    double nats = lossToMatch(first, second);
    List<Saved> result = new ArrayList<>();
    List<Double> usual = List.of(options.ramShare());
    List<Double> shares =
        width == BundleWidth.PADDED ? options.savedShares() : options.ownWidthSavedShares();
    result.add(
        curve("equal absolute loss", first, second, width, rule -> atLoss(rule, nats), shares));
    result.add(
        curve("each at +1 % perplexity", first, second, width,
            rule -> subject -> subject.onePercentCett(rule), usual));
    result
        .add(curve("equal CETT " + EQUAL_CETT, first, second, width, _ -> _ -> EQUAL_CETT, usual));
    if (!first.gated()) {
      result.add(exact(first, second, width));
    }
    return result;
  }

  private Function<Subject, Double> atLoss(ActiveRule rule, double nats) {
    return subject -> subject.cettAtLoss(rule, nats, options.matchedTokens());
  }

  private double lossToMatch(Subject first, Subject second) {
    double a = onePercentLoss(first);
    double b = onePercentLoss(second);
    return Math.max(a, b);
  }

  private double onePercentLoss(Subject subject) {
    Sparsity sparsity =
        new Sparsity(ActiveRule.OUTPUT, subject.onePercentCett(ActiveRule.OUTPUT),
            PredictorChoice.ALL);
    return subject.perplexity(sparsity, options.matchedTokens()).nats();
  }

  private Saved curve(
      String equality, Subject first, Subject second, BundleWidth width,
      Function<ActiveRule, Function<Subject, Double>> cett, List<Double> shares) {
    List<SavedPoint> points = new ArrayList<>();
    String stage = equality + (width == BundleWidth.PADDED ? ", padded" : "");
    for (double share : shares) {
      progress.report(stage, points.size(), shares.size());
      Side a = best(first, width, cett, share);
      Side b = best(second, width, cett, share);
      points.add(new SavedPoint(share, a, b, 1 - a.bytesPerToken() / b.bytesPerToken()));
    }
    progress.report(stage, shares.size(), shares.size());
    return new Saved(equality, width == BundleWidth.PADDED, points);
  }

  /** ReLU-family models lose nothing by skipping h = 0; a smooth gate has no such neurons and streams what is not pinned. */
  private Saved exact(Subject first, Subject second, BundleWidth width) {
    Configuration lossless =
        Ladder.full("", new Sparsity(ActiveRule.EXACT, 0, first.usualCopy()));
    Side a = side(first, width, lossless, options.ramShare());
    Side b = side(second, width, Ladder.steps(Sparsity.DENSE).get(1), options.ramShare());
    return new Saved(
        "lossless: exact rule against dense",
        width == BundleWidth.PADDED,
        List.of(
            new SavedPoint(options.ramShare(), a, b, 1 - a.bytesPerToken() / b.bytesPerToken())));
  }

  private Side best(
      Subject subject, BundleWidth width, Function<ActiveRule, Function<Subject, Double>> cett,
      double share) {
    Candidate best = null;
    for (ActiveRule rule : subject.rules()) {
      double target = cett.apply(rule).apply(subject);
      for (PredictorChoice copy : subject.copies()) {
        Sparsity sparsity = new Sparsity(rule, target, copy);
        if (target > 0 && new Ladder(subject, width, options).fits(sparsity, share)) {
          Configuration full = Ladder.full("", sparsity);
          double bytes =
              new Ladder(subject, width, options)
                  .stream(full, share, Ladder.Effort.BRIEF)
                  .figures()
                  .bytesReadPerToken();
          if (best == null || bytes < best.bytesPerToken()) {
            best = new Candidate(full, bytes);
          }
        }
      }
    }
    if (best == null) {
      throw new BadInputException(
          subject.name(),
          String.format(Locale.ROOT, "no predictor fits in %.3f of its FFN", share),
          "bundle it with fewer --predictor-bits");
    }
    return side(subject, width, best.configuration(), share);
  }

  private record Candidate(Configuration configuration, double bytesPerToken) {}

  private Side side(Subject subject, BundleWidth width, Configuration configuration, double share) {
    Sparsity sparsity = configuration.sparsity();
    Ladder.Streamed streamed =
        new Ladder(subject, width, options).stream(configuration, share, Ladder.Effort.FULL);
    return new Side(
        sparsity.rule().key(),
        sparsity.predictor().toString(),
        sparsity.cett(),
        subject.perplexity(matched(sparsity), options.matchedTokens()).nats(),
        streamed.figures().bytesReadPerToken(),
        streamed.figures().requestsPerToken(),
        streamed.figures().ioMillisPerToken(),
        streamed.figures().hitRate(),
        configuration.readsAll() ? "half pinned" : streamed.residency().slots() + " slots");
  }

  /** Losses were matched by the rule alone; a copy adds less than a third of a per cent. */
  private static Sparsity matched(Sparsity sparsity) {
    return new Sparsity(sparsity.rule(), sparsity.cett(), PredictorChoice.ALL);
  }
}
