package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.ScalingKind;
import java.util.Optional;

/**
 * Finds Llama 3's rotary scaling in the divisors that converters make of it ({@code rope_freqs.weight}): a pair's
 * frequency is divided by 1 when its wavelength is short, by the factor when it is long, and between the two by 1 / ((1 −
 * s) / factor + s), where s rises linearly with the frequency. Only original context / low and / high can be seen in
 * them, so low is taken to be 1, as in all published models. Stateless.
 */
final class RopeFactors {
  /** Divisors are float32 and were computed in it. */
  private static final double TOLERANCE = 1e-4;

  private static final int USUAL_CONTEXT = 8192;
  private static final double USUAL_HIGH = 4;

  private RopeFactors() {}

  /**
   * The scaling that gives these divisors; empty if Llama 3's rule cannot.
   *
   * @param divisors one per rotated pair
   */
  static Optional<Scaling> llama3(float[] divisors, double theta, int rotatedSize) {
    double factor = 1;
    for (float divisor : divisors) {
      if (!(divisor >= 1) || !Float.isFinite(divisor)) {
        return Optional.empty();
      }
      factor = Math.max(factor, divisor);
    }
    if (factor == 1) {
      return Optional.of(Scaling.NONE);
    }
    Scaling fitted = fit(divisors, factor, theta, rotatedSize);
    for (int j = 0; j < divisors.length; j++) {
      double expected = divisor(fitted, frequency(theta, j, rotatedSize));
      if (Math.abs(divisors[j] - expected) > TOLERANCE * expected) {
        return Optional.empty();
      }
    }
    return Optional.of(fitted);
  }

  /**
   * Two pairs in the ramp determine it; published models have several. With one the usual steepness is assumed, with none
   * the usual context too.
   */
  private static Scaling fit(float[] divisors, double factor, double theta, int rotatedSize) {
    int first = -1;
    int last = -1;
    for (int j = 0; j < divisors.length; j++) {
      if (divisors[j] > 1 && divisors[j] < factor) {
        first = first < 0 ? j : first;
        last = j;
      }
    }
    double high = USUAL_HIGH;
    double context = USUAL_CONTEXT;
    if (first >= 0) {
      double lowest = smooth(divisors[last], factor);
      if (first < last) {
        double slope =
            (turns(theta, first, rotatedSize) - turns(theta, last, rotatedSize))
                / (smooth(divisors[first], factor) - lowest);
        double start = turns(theta, last, rotatedSize) - slope * lowest;
        high = start > 0 && slope > 0 ? Math.max(2, Math.rint(1 + slope / start)) : high;
      }
      double ratio = (1 + lowest * (high - 1)) / turns(theta, last, rotatedSize);
      context = Math.clamp(Math.rint(ratio), 1, HfConfig.CONTEXT_LIMIT);
    }
    return new Scaling(ScalingKind.LLAMA3, factor, 1, high, (int) context);
  }

  private static double frequency(double theta, int j, int rotatedSize) {
    return Math.pow(theta, -2.0 * j / rotatedSize);
  }

  /** Turns per position: 1 / wavelength. */
  private static double turns(double theta, int j, int rotatedSize) {
    return frequency(theta, j, rotatedSize) / (2 * Math.PI);
  }

  /** s of a divisor within the ramp. */
  private static double smooth(double divisor, double factor) {
    return (1 / divisor - 1 / factor) / (1 - 1 / factor);
  }

  private static double divisor(Scaling scaling, double frequency) {
    double turns = scaling.originalContext() * frequency / (2 * Math.PI);
    double s =
        (turns - scaling.lowFrequencyFactor())
            / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor());
    double clamped = Math.clamp(s, 0, 1);
    return 1 / ((1 - clamped) / scaling.factor() + clamped);
  }
}
