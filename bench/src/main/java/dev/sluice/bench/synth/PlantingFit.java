package dev.sluice.bench.synth;

import dev.sluice.bench.compare.Progress;
import dev.sluice.bundler.coactivation.Activity;
import java.util.Arrays;
import java.util.function.DoubleFunction;
import java.util.function.ToDoubleFunction;

/**
 * Finds the constants of a {@link Planting} for wanted statistics, on {@link ActivitySimulation}: rates by quadrature,
 * the rest by bisection, each constant for the figure that it moves most, round after round.
 *
 * @param neurons of the simulated layer
 * @param trainTokens that Ripple's order is made from
 * @param sequences held-out token lists
 * @param sequenceTokens of each
 */
public record PlantingFit(
    int neurons, int trainTokens, int sequences, int sequenceTokens, long seed, int threads) {
  private static final int ROUNDS = 3;
  private static final int HALVINGS = 9;
  private static final int VOCABULARY = 128_000;

  /**
   * What a fit found.
   *
   * @param achieved by the constants, on the simulation
   */
  public record Found(Planting planting, ActivityStatistics target, ActivityStatistics achieved) {}

  /** The fit that a profile's constants come from. */
  public static PlantingFit ofProfiles(int threads) {
    return new PlantingFit(
        4608, Synthesis.CALIBRATION_TOKENS, Synthesis.LISTS,
        Synthesis.PROMPT_TOKENS + Synthesis.CONTINUATION_TOKENS, 1, threads);
  }

  /** Fits a profile anew; its present constants give what no figure fixes. */
  public Found fit(Profile profile, ActivityStatistics target, Progress progress) {
    Planting planting = fit(target, profile.planting(), progress);
    return new Found(planting, target, measure(planting));
  }

  /**
   * @param start gives the constants that no published figure fixes, and where the others start
   */
  private Planting fit(ActivityStatistics target, Planting start, Progress progress) {
    double hotShare = target.hotShare();
    double activeShare = target.activeShare();
    Planting found = start;
    for (int round = 0; round < ROUNDS; round++) {
      progress.report("fitting", round, ROUNDS);
      Planting base = rates(activeShare, hotShare, found);
      base = bisect(base::withTopicShare, p -> -newShare(p), -target.newShare());
      base = bisect(base::withClusterShare, p -> measure(p).runInRippleOrder(),
          target.runInRippleOrder());
      found = bisect(base::withStaggerShare, p -> -checkpointRun(p),
          -target.runInCheckpointOrder());
      // A finite text shows rates more unlike than they are; what is aimed at is what is measured.
      ActivityStatistics achieved = measure(found);
      hotShare *= target.hotShare() / achieved.hotShare();
      activeShare *= target.activeShare() / achieved.activeShare();
    }
    return found;
  }

  private static Planting bisect(
      DoubleFunction<Planting> at, ToDoubleFunction<Planting> rising, double wanted) {
    double low = 0;
    double high = 1;
    for (int k = 0; k < HALVINGS; k++) {
      double middle = (low + high) / 2;
      if (rising.applyAsDouble(at.apply(middle)) < wanted) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return at.apply((low + high) / 2);
  }

  ActivityStatistics measure(Planting planting) {
    LayerPlan plan = LayerPlan.of(planting, neurons, seed, 0);
    ActivitySimulation simulation = new ActivitySimulation(planting, plan, seed);
    return ActivityStatistics.measure(
        simulation.run(lists(planting).draw(0, trainTokens)),
        simulation.run(heldOut(planting)),
        sequenceTokens,
        threads);
  }

  private double newShare(Planting planting) {
    return ActivityStatistics.newShare(
        simulate(planting), ActivityStatistics.WINDOW_TOKENS, sequenceTokens);
  }

  private double checkpointRun(Planting planting) {
    return ActivityStatistics.checkpointRun(simulate(planting));
  }

  private Activity simulate(Planting planting) {
    LayerPlan plan = LayerPlan.of(planting, neurons, seed, 0);
    return new ActivitySimulation(planting, plan, seed).run(heldOut(planting));
  }

  private TokenLists lists(Planting planting) {
    return new TokenLists(seed, VOCABULARY, planting.topicTokens());
  }

  private int[] heldOut(Planting planting) {
    int[] tokens = new int[sequences * sequenceTokens];
    for (int s = 0; s < sequences; s++) {
      int[] list = lists(planting).draw(1 + s, sequenceTokens);
      System.arraycopy(list, 0, tokens, s * sequenceTokens, sequenceTokens);
    }
    return tokens;
  }

  /** Mean and spread of θ that give an active share and a share of neurons that makes 80 % of firings. */
  static Planting rates(double activeShare, double hotShare, Planting base) {
    double low = 0;
    double high = 6;
    for (int k = 0; k < 40; k++) {
      double spread = (low + high) / 2;
      if (hotShare(meanFor(activeShare, spread), spread) > hotShare) {
        low = spread;
      } else {
        high = spread;
      }
    }
    double spread = (low + high) / 2;
    return base.withThreshold(meanFor(activeShare, spread), spread);
  }

  /** Φ(−m / √(1 + s²)) is the active share. */
  static double meanFor(double activeShare, double spread) {
    return -Gaussian.quantile(activeShare) * Math.sqrt(1 + spread * spread);
  }

  private static double hotShare(double mean, double spread) {
    int steps = 4096;
    double[] rates = new double[steps];
    for (int k = 0; k < steps; k++) {
      rates[k] = Gaussian.below(-(mean + spread * Gaussian.quantile((k + 0.5) / steps)));
    }
    double wanted = ActivityStatistics.HOT_FIRINGS * Arrays.stream(rates).sum();
    double sum = 0;
    int taken = 0;
    while (sum < wanted && taken < steps) {
      sum += rates[taken++]; // θ ascends, so rates descend
    }
    return (double) taken / steps;
  }
}
