package dev.sluice.bench.papers;

import dev.sluice.engine.eval.WindowedQuality.Window;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Quality as a function of sparsity for one model and rule: the dense run and runs at ascending CETT targets, each a point,
 * linear in between. Points are those of the windows asked for, so a bootstrap gets a curve for each resample. Immutable;
 * thread-safe.
 */
final class QualityCurve {
  private final List<Point> points = new ArrayList<>();

  private record Point(double[] active, double[] nats, double[] accuracy, double[] divergence) {
    static Point of(List<Window> windows) {
      return new Point(
          each(windows, Window::activeShare), each(windows, Window::nats),
          each(windows, Window::accuracy), each(windows, Window::divergenceNats));
    }

    private static double[] each(List<Window> windows, ToDoubleFunction<Window> figure) {
      return windows.stream().mapToDouble(figure).toArray();
    }
  }

  /** What is read off a curve. */
  enum Figure {
    NATS,
    ACCURACY,
    DIVERGENCE;

    private double[] of(Point point) {
      return switch (this) {
        case NATS -> point.nats;
        case ACCURACY -> point.accuracy;
        case DIVERGENCE -> point.divergence;
      };
    }
  }

  /**
   * @param dense windows of the dense run
   * @param sparse windows of runs at ascending targets
   */
  QualityCurve(List<Window> dense, List<List<Window>> sparse) {
    points.add(Point.of(dense));
    sparse.forEach(windows -> points.add(Point.of(windows)));
  }

  double denseNats(int[] sample) {
    return PairedBootstrap.mean(points.getFirst().nats, sample);
  }

  double dense(Figure figure, int[] sample) {
    return PairedBootstrap.mean(figure.of(points.getFirst()), sample);
  }

  /** A figure of one of the sparse runs, counted from 0. */
  double at(int run, Figure figure, int[] sample) {
    return PairedBootstrap.mean(figure.of(points.get(run + 1)), sample);
  }

  /** Share of neurons that one of the sparse runs leaves inactive. */
  double sparsity(int run, int[] sample) {
    return sparsityOf(points.get(run + 1), sample);
  }

  private static double sparsityOf(Point point, int[] sample) {
    return 1 - PairedBootstrap.mean(point.active, sample);
  }

  /** A figure at a share of inactive neurons; the dense run's where zeros alone give that share, NaN beyond the last run. */
  double atSparsity(double sparsity, Figure figure, int[] sample) {
    double before = sparsityOf(points.getFirst(), sample);
    double value = dense(figure, sample);
    if (sparsity <= before) {
      return value;
    }
    for (Point point : points.subList(1, points.size())) {
      double next = sparsityOf(point, sample);
      double other = PairedBootstrap.mean(figure.of(point), sample);
      if (next >= sparsity) {
        return value + (sparsity - before) / (next - before) * (other - value);
      }
      before = next;
      value = other;
    }
    return Double.NaN;
  }

  /**
   * The sparsity at which the loss first reaches {@code nats}, going up from the dense run; NaN if the dense run is beyond it
   * or no run reaches it.
   */
  double sparsityAtLoss(double nats, int[] sample) {
    double before = sparsityOf(points.getFirst(), sample);
    double value = denseNats(sample);
    if (value > nats) {
      return Double.NaN;
    }
    for (Point point : points.subList(1, points.size())) {
      double next = sparsityOf(point, sample);
      double other = PairedBootstrap.mean(point.nats, sample);
      if (other > nats) {
        return before + (nats - value) / (other - value) * (next - before);
      }
      before = next;
      value = other;
    }
    return Double.NaN;
  }

  /** The same for a rise of perplexity over the dense run's, as a share. */
  double sparsityAtRise(double rise, int[] sample) {
    return sparsityAtLoss(denseNats(sample) + Math.log1p(rise), sample);
  }
}
