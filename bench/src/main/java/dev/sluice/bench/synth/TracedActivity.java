package dev.sluice.bench.synth;

import dev.sluice.bundler.coactivation.Activity;
import dev.sluice.bundler.coactivation.FiringRule;
import dev.sluice.bundler.coactivation.TokenRange;
import dev.sluice.bundler.pack.Bundler;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.threshold.ActiveRule;
import dev.sluice.storage.threshold.CettCurve;
import dev.sluice.storage.trace.TraceKeys;
import dev.sluice.storage.trace.TraceReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The statistics of a real model's trace, which a profile can aim at. */
public final class TracedActivity {
  private TracedActivity() {}

  /**
   * Measures the second half of a dense trace at CETT-PPL-1 %, with Ripple's order made from the first half.
   *
   * @return the mean over layers
   * @throws BadInputException if the trace is damaged or has no CETT curves
   */
  public static ActivityStatistics atOnePercent(Path file, int threads) {
    try (TraceReader trace = TraceReader.open(file)) {
      double cett = Bundler.onePercentTarget(trace);
      int window = trace.header().windowTokens();
      if (trace.header().tokens() < 2 * window) {
        throw new BadInputException(file, "is too short", "trace more tokens");
      }
      TokenRange[] halves = new TokenRange(0, trace.header().tokens()).split(0.5, window);
      List<ActivityStatistics> layers = new ArrayList<>();
      for (int layer = 0; layer < trace.header().layers(); layer++) {
        float floor = threshold(trace, file, layer, cett);
        FiringRule rule = new FiringRule(floor, 0);
        Activity train = Activity.read(trace, layer, halves[0], rule);
        Activity heldOut = Activity.read(trace, layer, halves[1], rule);
        layers.add(
            ActivityStatistics.measure(train, heldOut, window, threads));
      }
      return ActivityStatistics.mean(layers);
    }
  }

  private static float threshold(TraceReader trace, Path file, int layer, double cett) {
    byte[] curve =
        trace.blob(TraceKeys.curve(ActiveRule.OUTPUT, layer))
            .orElseThrow(
                () -> new BadInputException(file, "has no CETT curves",
                    "record it dense, without --predictor, --cett and --rule"));
    return CettCurve.decode(curve).getFirst().thresholdAt(cett);
  }
}
