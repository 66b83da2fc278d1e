package dev.sluice.bench.papers;

import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What one dense run over the held-out text showed.
 *
 * @param layers magnitudes of each layer
 * @param shares active neurons under each selection, sets taken from this run
 * @param sets more about some of the selections
 */
record DenseRun(List<Magnitudes> layers, List<Share> shares, List<SetFigures> sets) {
  /** Shares of the largest outputs whose part of the sum is measured. */
  static final List<Double> TOPS = List.of(0.01, 0.05, 0.1, 0.2, 0.5);

  static final List<Double> QUANTILES = List.of(0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999);

  /** Tokens back, and tokens of windows. */
  static final List<Integer> LAGS = List.of(1, 2, 4, 8, 16, 32);

  static final int LOWEST_OCTAVE = -16;
  static final int HIGHEST_OCTAVE = 8;

  DenseRun {
    layers = List.copyOf(layers);
    shares = List.copyOf(shares);
    sets = List.copyOf(sets);
  }

  /**
   * @param quantiles of {@link #QUANTILES}, over the mean
   * @param topShares of the sum, of {@link #TOPS}
   * @param octaveShares of outputs whose magnitude over the mean lies in each octave from {@link #LOWEST_OCTAVE}
   */
  record Magnitudes(
      double zeroShare, double mean, List<Double> quantiles, List<Double> topShares,
      List<Double> octaveShares) {
    Magnitudes {
      quantiles = List.copyOf(quantiles);
      topShares = List.copyOf(topShares);
      octaveShares = List.copyOf(octaveShares);
    }
  }

  /** @param activeByLayer share of neurons, mean over tokens */
  record Share(Selection selection, List<Double> activeByLayer) {
    Share {
      activeByLayer = List.copyOf(activeByLayer);
    }

    double mean() {
      return DenseRun.mean(activeByLayer);
    }
  }

  /**
   * How a selection's sets follow each other and hang together.
   *
   * @param reuseByWindow reuse of the token before, mean over layers
   * @param firings layer by layer
   */
  record SetFigures(
      Selection selection, List<LayerFigures> layers, List<Double> reuseByWindow,
      List<WindowFirings> firings) {
    SetFigures {
      firings = List.copyOf(firings);
      layers = List.copyOf(layers);
      reuseByWindow = List.copyOf(reuseByWindow);
    }

    /** {@link LayerFigures#reuseIfIndependent} of some windows, mean over layers. */
    double reuseIfIndependent(int[] sample) {
      return firings.stream().mapToDouble(one -> one.reuseIfIndependent(sample)).average()
          .orElse(0);
    }

    double meanOf(ToDoubleFunction<LayerFigures> figure) {
      return layers.stream().mapToDouble(figure).average().orElse(0);
    }
  }

  /**
   * One layer of a selection. Lists have one value for each of {@link #LAGS}.
   *
   * @param reuse of the token so many before
   * @param newShare of firings that none of so many tokens before had
   */
  record LayerFigures(
      double threshold, double active, List<Double> reuse, double reuseIfIndependent,
      List<Double> reuseShuffled, List<Double> newShare, List<Double> newShareIfIndependent,
      List<Double> newShareShuffled, double gap, double gapIfIndependent, double gapShuffled) {
    LayerFigures {
      reuse = List.copyOf(reuse);
      reuseShuffled = List.copyOf(reuseShuffled);
      newShare = List.copyOf(newShare);
      newShareIfIndependent = List.copyOf(newShareIfIndependent);
      newShareShuffled = List.copyOf(newShareShuffled);
    }
  }

  Share share(Selection selection) {
    return shares.stream().filter(share -> share.selection.equals(selection)).findFirst()
        .orElseThrow();
  }

  SetFigures set(Selection selection) {
    return sets.stream().filter(set -> set.selection.equals(selection)).findFirst().orElseThrow();
  }

  static double mean(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
  }
}
