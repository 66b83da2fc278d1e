package dev.sluice.engine.eval;

import java.util.List;

/**
 * What part of one layer fired and was foreseen.
 *
 * @param active share of neurons for which the rule holds, over all positions
 * @param predicted share of neurons that the predictor named
 * @param countRecall share of active neurons that were named
 * @param magnitudeRecall share of active output magnitude |h|·‖column‖ that was named
 * @param magnitude sum of active output magnitude, the weight of this layer's recall in a mean
 */
public record LayerShares(
    double active, double predicted, double countRecall, double magnitudeRecall, double magnitude) {

  /** Mean active share over layers. */
  public static double meanActive(List<LayerShares> layers) {
    return layers.stream().mapToDouble(LayerShares::active).average().orElse(0);
  }

  /** Mean predicted share over layers. */
  public static double meanPredicted(List<LayerShares> layers) {
    return layers.stream().mapToDouble(LayerShares::predicted).average().orElse(0);
  }

  /** Share of all layers' active output magnitude that was named. */
  public static double magnitudeRecall(List<LayerShares> layers) {
    double all = layers.stream().mapToDouble(LayerShares::magnitude).sum();
    double kept =
        layers.stream().mapToDouble(layer -> layer.magnitude() * layer.magnitudeRecall()).sum();
    return all == 0 ? 1 : kept / all;
  }
}
