package dev.sluice.bench.papers;

import java.util.Arrays;

/**
 * Magnitudes of neuron outputs, |h|·‖W_down[:,i]‖, in bins of 1/32 octave, so quantiles and shares of the sum are right to
 * about 2 %; sums are exact. Zeros are counted apart. Mutable; one thread, or {@link #add} under a lock.
 */
final class MagnitudeHistogram {
  // A bin is the top 14 bits of a positive float: exponent and 5 bits of mantissa.
  private static final int BIN_SHIFT = 18;
  private static final int LOWEST_BIN = Float.floatToIntBits(0x1p-40f) >>> BIN_SHIFT;
  private static final int BINS = (Float.floatToIntBits(0x1p40f) >>> BIN_SHIFT) - LOWEST_BIN;

  private final long[] counts = new long[BINS];
  private final double[] sums = new double[BINS];
  private long zeros;

  void add(float magnitude) {
    if (magnitude == 0) {
      zeros++;
      return;
    }
    int bin =
        Math.clamp((Float.floatToRawIntBits(magnitude) >>> BIN_SHIFT) - LOWEST_BIN, 0, BINS - 1);
    counts[bin]++;
    sums[bin] += magnitude;
  }

  void add(MagnitudeHistogram other) {
    for (int bin = 0; bin < BINS; bin++) {
      counts[bin] += other.counts[bin];
      sums[bin] += other.sums[bin];
    }
    zeros += other.zeros;
  }

  long count() {
    return zeros + Arrays.stream(counts).sum();
  }

  /** Share of outputs that are exactly 0. */
  double zeroShare() {
    return (double) zeros / count();
  }

  /** Mean of all, zeros included. */
  double mean() {
    return Arrays.stream(sums).sum() / count();
  }

  /** The magnitude that a share of all outputs, zeros included, stays below: geometric within a bin. */
  double quantile(double share) {
    double wanted = share * count();
    double below = zeros;
    if (wanted <= below) {
      return 0;
    }
    for (int bin = 0; bin < BINS; bin++) {
      if (below + counts[bin] >= wanted) {
        double within = (wanted - below) / counts[bin];
        return edge(bin) * Math.pow(edge(bin + 1) / edge(bin), within);
      }
      below += counts[bin];
    }
    return edge(BINS);
  }

  /** Share of the sum of magnitudes that the largest {@code top} share of outputs holds; linear within a bin. */
  double sumShareOfTop(double top) {
    double wanted = top * count();
    double total = Arrays.stream(sums).sum();
    double taken = 0;
    double sum = 0;
    for (int bin = BINS - 1; bin >= 0 && taken < wanted && total > 0; bin--) {
      double part = counts[bin] == 0 ? 0 : Math.min(1, (wanted - taken) / counts[bin]);
      sum += part * sums[bin];
      taken += part * counts[bin];
    }
    return total == 0 ? 0 : sum / total;
  }

  /** Share of all outputs whose magnitude over {@code unit} lies in [2^octave, 2^(octave + 1)), to a bin. */
  double octaveShare(double unit, int octave) {
    long found = 0;
    for (int bin = 0; bin < BINS; bin++) {
      double middle = Math.sqrt(edge(bin) * edge(bin + 1)) / unit;
      if (Math.floor(Math.log(middle) / Math.log(2)) == octave) {
        found += counts[bin];
      }
    }
    return (double) found / count();
  }

  private static double edge(int bin) {
    return Float.intBitsToFloat((bin + LOWEST_BIN) << BIN_SHIFT);
  }
}
