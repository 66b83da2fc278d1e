package dev.sluice.bench.synth;

/**
 * The constants of planted activity. A neuron's pre-activation is, up to a positive factor, g − θ: θ is fixed and g has
 * mean 0 and deviation 1 over tokens, so that the neuron fires at a rate of Φ(−θ).
 *
 * @param thresholdMean mean of θ over the neurons of a layer; sets the active share
 * @param thresholdSpread deviation of θ over the neurons; sets how unlike the rates of hot and cold neurons are
 * @param clusterNeurons neurons of a cluster
 * @param clusterShare share of g's variance that a cluster's neurons have in common; sets co-activation
 * @param clusterThresholdShare share of θ's variance that they have in common
 * @param topicShare share of g's variance that tokens of one topic have in common; sets reuse
 * @param topicTokens mean length of a stretch of one topic in the token lists
 * @param staggerShare share of the hottest quarter of neurons that lie four positions apart, with cooler ones between
 *     them; shortens runs in checkpoint order
 */
public record Planting(
    double thresholdMean,
    double thresholdSpread,
    int clusterNeurons,
    double clusterShare,
    double clusterThresholdShare,
    double topicShare,
    double topicTokens,
    double staggerShare) {

  Planting withThreshold(double mean, double spread) {
    return new Planting(mean, spread, clusterNeurons, clusterShare, clusterThresholdShare,
        topicShare, topicTokens, staggerShare);
  }

  Planting withClusterShare(double share) {
    return new Planting(thresholdMean, thresholdSpread, clusterNeurons, share,
        clusterThresholdShare, topicShare, topicTokens, staggerShare);
  }

  Planting withTopicShare(double share) {
    return new Planting(thresholdMean, thresholdSpread, clusterNeurons, clusterShare,
        clusterThresholdShare, share, topicTokens, staggerShare);
  }

  Planting withStaggerShare(double share) {
    return new Planting(thresholdMean, thresholdSpread, clusterNeurons, clusterShare,
        clusterThresholdShare, topicShare, topicTokens, share);
  }
}
