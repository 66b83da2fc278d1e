package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.ActivityCuts;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Finds the highest bar at which the neurons named keep the recall target's share of active magnitude at the held-out
 * positions, and turns it into cuts. Stateless.
 */
final class CutCalibration {
  private static final int BINS = 1 << 13;
  private static final float LOWEST = -70;
  private static final float HIGHEST = 30;
  // Positions whose ranks are looked at for the top-k choice.
  private static final int RANKED_POSITIONS = 128;

  private CutCalibration() {}

  /**
   * Cuts and what they name.
   *
   * @param predictedShare of neurons and held-out positions
   */
  record Calibrated(ActivityCuts cuts, double predictedShare) {}

  /**
   * @param scores neurons × held-out positions
   * @param threshold ε of the layer
   */
  static Calibrated calibrate(LayerSamples samples, QuantisedFit.Target target, float threshold,
      float[] scores, Worth worth, double recallTarget) {
    int neurons = samples.neurons();
    int held = samples.positions() - samples.fitted();
    double[][] byNeuron = IntStream.range(0, neurons).parallel()
        .mapToObj(i -> magnitudeByWorth(samples, target, threshold, scores, worth, i))
        .toArray(double[][]::new);
    double[] bins = new double[BINS];
    for (double[] one : byNeuron) { // in neuron order, whoever computed them
      for (int k = 0; k + 1 < one.length; k += 2) {
        bins[(int) one[k]] += one[k + 1];
      }
    }
    float bar = bar(bins, recallTarget);
    float[] from = new float[neurons];
    float[] dipFrom = new float[worth.hasDips() ? neurons : 0];
    float[] dipTo = new float[dipFrom.length];
    long[] named = new long[neurons];
    IntStream.range(0, neurons).parallel().forEach(i -> {
      Worth.Cut cut = new Worth.Cut();
      worth.cut(i, bar, cut);
      from[i] = cut.from;
      if (dipFrom.length > 0) {
        dipFrom[i] = cut.dipFrom;
        dipTo[i] = cut.dipTo;
      }
    });
    ActivityCuts cuts = new ActivityCuts(target.rule(), target.cett(), from, dipFrom, dipTo, 0);
    IntStream.range(0, neurons).parallel().forEach(i -> {
      for (int t = 0; t < held; t++) {
        named[i] += cuts.names(i, scores[i * held + t]) ? 1 : 0;
      }
    });
    double all = 0;
    for (long each : named) {
      all += each;
    }
    int most = switch (worth) {
      case LogitWorth trained -> most(samples, target, threshold, scores, trained, recallTarget);
      case EstimatedWorth untrained -> 0; // its worth is not known while running
    };
    return new Calibrated(
        new ActivityCuts(target.rule(), target.cett(), from, dipFrom, dipTo, most),
        all / ((double) neurons * held));
  }

  /** Pairs of bin and active magnitude of one neuron. */
  private static double[] magnitudeByWorth(LayerSamples samples, QuantisedFit.Target target,
      float threshold, float[] scores, Worth worth, int neuron) {
    int held = samples.positions() - samples.fitted();
    double[] pairs = new double[2 * held];
    int size = 0;
    for (int t = 0; t < held; t++) {
      float magnitude =
          samples.activeMagnitude(neuron, samples.fitted() + t, target.rule(), threshold);
      if (magnitude > 0) {
        pairs[size++] = bin(worth.of(neuron, scores[neuron * held + t]));
        pairs[size++] = magnitude;
      }
    }
    return Arrays.copyOf(pairs, size);
  }

  private static int bin(float worth) {
    return Math.clamp((int) ((worth - LOWEST) / (HIGHEST - LOWEST) * BINS), 0, BINS - 1);
  }

  private static float bar(double[] bins, double recallTarget) {
    double total = 0;
    for (double each : bins) {
      total += each;
    }
    double kept = 0;
    for (int bin = BINS - 1; bin >= 0; bin--) {
      kept += bins[bin];
      if (kept >= recallTarget * total && total > 0) {
        return LOWEST + bin * ((HIGHEST - LOWEST) / BINS);
      }
    }
    return total > 0 ? LOWEST : HIGHEST;
  }

  /** How many neurons of the highest worth each position must name to keep the same share. */
  private static int most(LayerSamples samples, QuantisedFit.Target target, float threshold,
      float[] scores, Worth worth, double recallTarget) {
    int neurons = samples.neurons();
    int held = samples.positions() - samples.fitted();
    int ranked = Math.min(held, RANKED_POSITIONS);
    double[][] byRank = IntStream.range(0, ranked).parallel().mapToObj(r -> {
      int t = (int) ((long) r * held / ranked);
      long[] sorted = new long[neurons];
      for (int i = 0; i < neurons; i++) {
        // Ascending bits of −worth, then the neuron: one sort of primitives.
        int bits = Float.floatToIntBits(-worth.of(i, scores[i * held + t]));
        int ascending = bits < 0 ? ~bits : bits ^ 0x8000_0000;
        sorted[i] = (ascending & 0xffff_ffffL) << 31 | i;
      }
      Arrays.sort(sorted);
      double[] magnitudes = new double[neurons];
      for (int k = 0; k < neurons; k++) {
        magnitudes[k] = samples.activeMagnitude((int) (sorted[k] & 0x7fff_ffff),
            samples.fitted() + t, target.rule(), threshold);
      }
      return magnitudes;
    }).toArray(double[][]::new);
    double total = 0;
    double[] sums = new double[neurons];
    for (double[] one : byRank) {
      for (int k = 0; k < neurons; k++) {
        sums[k] += one[k];
        total += one[k];
      }
    }
    double kept = 0;
    for (int k = 0; k < neurons; k++) {
      kept += sums[k];
      if (kept >= recallTarget * total) {
        return k + 1;
      }
    }
    return neurons;
  }
}
