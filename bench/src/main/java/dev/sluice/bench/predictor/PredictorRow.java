package dev.sluice.bench.predictor;

/**
 * What one predictor does on held-out text.
 *
 * @param magnitudeRecall share of active output magnitude that was named
 * @param countRecall share of active neurons that were named
 * @param activeShare share of neurons for which the rule holds
 * @param predictedShare share of neurons named
 * @param ramShare resident bytes over those of the FFN
 * @param microsPerLayer of a single position, on the engine's threads; NaN where it was not timed
 * @param perplexityRise over that of the rule with an oracle, as a share
 */
public record PredictorRow(
    String predictor, double magnitudeRecall, double countRecall, double activeShare,
    double predictedShare, double ramShare, double microsPerLayer, double perplexityRise) {}
