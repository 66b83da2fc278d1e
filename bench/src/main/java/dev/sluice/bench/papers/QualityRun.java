package dev.sluice.bench.papers;

import dev.sluice.engine.eval.LayerShares;
import dev.sluice.engine.eval.WindowedQuality;
import dev.sluice.engine.eval.WindowedQuality.Window;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Quality of a run under a selection, window by window.
 *
 * @param activeByLayer share of neurons for which the rule held while every layer was thresholded
 */
record QualityRun(List<Window> windows, List<Double> activeByLayer) {
  QualityRun {
    windows = List.copyOf(windows);
    activeByLayer = List.copyOf(activeByLayer);
  }

  static QualityRun of(WindowedQuality.Result result) {
    return new QualityRun(result.windows(),
        result.layers().stream().map(LayerShares::active).toList());
  }

  /** The first windows of a longer run of the same text, shares by layer left as they are. */
  double divergence(int first) {
    return IntStream.range(0, Math.min(first, windows.size()))
        .mapToDouble(w -> windows.get(w).divergenceNats()).average().orElseThrow();
  }

  double perplexity() {
    return Math.exp(windows.stream().mapToDouble(Window::nats).average().orElseThrow());
  }

  double accuracy() {
    return windows.stream().mapToDouble(Window::accuracy).average().orElseThrow();
  }

  double active() {
    return DenseRun.mean(activeByLayer);
  }
}
