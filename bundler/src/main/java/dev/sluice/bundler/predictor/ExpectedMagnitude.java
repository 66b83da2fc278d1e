package dev.sluice.bundler.predictor;

import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.threshold.ActiveRule;

/**
 * The active magnitude to be expected of a neuron whose pre-activation is normal around an estimate: E[m·1(active)]. A
 * gated neuron's up·x is taken as normal around 0 and independent. Closed forms for ReLU and ReLU² without a partner,
 * otherwise trapezoids. Immutable.
 */
final class ExpectedMagnitude {
  private static final int NODES = 33;
  private static final double REACH = 4; // standard deviations
  private static final double STEP = 2 * REACH / (NODES - 1);
  private static final double[] WEIGHTS = new double[NODES];
  // E|u| for a standard normal u.
  private static final double MEAN_ABSOLUTE = Math.sqrt(2 / Math.PI);

  static {
    double sum = 0;
    for (int k = 0; k < NODES; k++) {
      double x = -REACH + k * STEP;
      WEIGHTS[k] = Math.exp(-0.5 * x * x);
      sum += WEIGHTS[k];
    }
    for (int k = 0; k < NODES; k++) {
      WEIGHTS[k] /= sum;
    }
  }

  private final Activation activation;
  private final boolean gated;
  private final ActiveRule rule;
  private final double threshold;

  ExpectedMagnitude(Activation activation, boolean gated, ActiveRule rule, double threshold) {
    this.activation = activation;
    this.gated = gated;
    this.rule = rule;
    this.threshold = rule == ActiveRule.EXACT ? 0 : threshold;
  }

  /**
   * @param estimate of the pre-activation
   * @param error its standard deviation, above 0
   * @param norm ‖W_down[:,i]‖
   * @param partnerSpread deviation of up·x; 1 when ungated
   */
  double of(double estimate, double error, double norm, double partnerSpread) {
    boolean outputOfTwo = gated && rule == ActiveRule.OUTPUT;
    double weight =
        norm * (gated ? partnerSpread : 1) * (gated && !outputOfTwo ? MEAN_ABSOLUTE : 1);
    boolean rectified = activation == Activation.RELU || activation == Activation.RELU2;
    if (rectified && !outputOfTwo) {
      double limit = rule == ActiveRule.GATE ? threshold : threshold / norm;
      return weight * rectified(estimate, error, limit);
    }
    double sum = 0;
    double before = Double.NaN;
    for (int k = 0; k < NODES; k++) {
      double z = estimate + error * (-REACH + k * STEP);
      double act = Math.abs(LayerSamples.activate(activation, (float) z));
      if (outputOfTwo) {
        double scale = act * weight;
        // E[|u|·1(|u|·scale ≥ ε)] = 2φ(ε / scale) for a standard normal u
        double limit = threshold / scale;
        sum += scale > 0 && limit < 8
            ? WEIGHTS[k] * scale * MEAN_ABSOLUTE * Math.exp(-0.5 * limit * limit) : 0;
      } else {
        double limit = rule == ActiveRule.GATE ? threshold : threshold / norm;
        double slope = Double.isNaN(before) ? 0 : Math.abs(act - before);
        double part = slope > 0 ? Math.clamp((act - limit) / slope + 0.5, 0, 1)
            : act >= limit ? 1 : 0;
        sum += WEIGHTS[k] * weight * act * part;
      }
      before = act;
    }
    return sum;
  }

  /** E[act(z)·1(act(z) ≥ limit)] over z ~ N(estimate, error²). */
  private double rectified(double estimate, double error, double limit) {
    double from = activation == Activation.RELU ? limit : Math.sqrt(limit);
    double mean = estimate / error;
    double edge = from / error;
    double density = Math.exp(-0.5 * (mean - edge) * (mean - edge)) / Math.sqrt(2 * Math.PI);
    double share = cumulative(mean - edge);
    return activation == Activation.RELU
        ? error * (mean * share + density)
        : error * error * ((mean * mean + 1) * share + (mean + edge) * density);
  }

  /** Φ(x); relative error below 2·10⁻⁷ on both sides (Numerical Recipes' Chebyshev fit of erfc). */
  static double cumulative(double x) {
    double z = Math.abs(x) / Math.sqrt(2);
    double t = 1 / (1 + 0.5 * z);
    double tail = 0.5 * t * Math.exp(-z * z - 1.26551223 + t * (1.00002368 + t * (0.37409196
        + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398
            + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
    return x >= 0 ? 1 - tail : tail;
  }
}
