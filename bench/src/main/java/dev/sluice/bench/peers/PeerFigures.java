package dev.sluice.bench.peers;

import dev.sluice.bench.peers.PeerComparison.Figures;
import dev.sluice.bench.peers.PeerComparison.Spread;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** Sums up the runs of one rival under one limit. */
final class PeerFigures {
  private PeerFigures() {}

  /** @param runs at least one */
  static Figures of(List<PeerRun> runs, double perplexityChange) {
    List<Double> first = pooled(runs, PeerRun::firstMillis);
    List<Double> later = pooled(runs, PeerRun::laterMillis);
    return new Figures(
        runs.size(),
        runs.stream().mapToInt(PeerRun::tokens).min().orElseThrow(),
        spread(runs, PeerRun::tokensPerSecond),
        spread(runs, run -> run.decode().readBytes() / 1e6 / run.tokens()),
        spread(runs, run -> run.decode().cpuSeconds() / run.tokens()),
        spread(runs, run -> run.transcript().promptMillis()),
        spread(runs, run -> run.transcript().promptWaitMillis()),
        spread(runs, PeerRun::startMillis),
        Latency.percentile(first, 0.50),
        Latency.percentile(first, 0.99),
        Latency.percentile(later, 0.50),
        Latency.percentile(later, 0.99),
        spread(runs, run -> run.tally().peakBytes()),
        spread(runs, run -> Watch.held(run.fullest())),
        spread(runs, run -> run.tally().limitHits()),
        spread(runs, run -> run.decode().majorFaults() / run.tokens()),
        Latency.median(
            runs.stream()
                .filter(run -> !run.laterMillis().isEmpty())
                .mapToDouble(run -> run.later().majorFaults() / run.laterMillis().size())
                .toArray()),
        perplexityChange);
  }

  /** The run whose speed is the median, the faster one of two. */
  static PeerRun median(List<PeerRun> runs) {
    return runs.stream().sorted(Comparator.comparingDouble(PeerRun::tokensPerSecond))
        .skip(runs.size() / 2).findFirst().orElseThrow();
  }

  private static List<Double> pooled(
      List<PeerRun> runs, Function<PeerRun, List<Double>> times) {
    return runs.stream().flatMap(run -> times.apply(run).stream()).toList();
  }

  private static Spread spread(List<PeerRun> runs, ToDoubleFunction<PeerRun> figure) {
    double[] values = runs.stream().mapToDouble(figure).sorted().toArray();
    return new Spread(Latency.median(values), values[0], values[values.length - 1]);
  }
}
