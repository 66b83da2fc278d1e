package dev.sluice.bundler.predictor;

import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * A trained network with its matrices in eight bits, and what it then says of the held-out positions, by which its cuts are chosen.
 *
 * @param scores held-out positions × outputs
 */
record RoundedNetwork(
    LayerSamples samples, Network network, Int8Rows inward, Int8Rows outward, float[] scores) {

  /**
   * @param network is balanced
   * @param arena holds the matrices
   */
  static RoundedNetwork of(LayerSamples samples, Network network, Arena arena) {
    int hidden = samples.hidden();
    int rank = network.rank();
    int outputs = network.neurons();
    network.balance(samples.inputs().values(), samples.fitted());
    Int8Rows inward = Int8Rows.pack(
        Products.transpose(network.inward(), hidden, rank), rank, hidden, arena);
    Int8Rows outward = Int8Rows.pack(
        Products.transpose(network.outward(), rank, outputs), outputs, rank, arena);
    int from = samples.fitted();
    int held = samples.positions() - from;
    float[] middles = LowRankScores.middles(samples.inputs().values(), from, held, inward,
        network.inwardOffsets(), rank, network.middle());
    float[] scores =
        LowRankScores.scores(middles, held, outward, network.outwardOffsets(), rank);
    return new RoundedNetwork(samples, network, inward, outward, scores);
  }

  /** What a store keeps. */
  LowRankLayer layer(List<ActivityCuts> cuts, double recallTarget) {
    return new LowRankLayer(network.middle(), samples.inputs().centre(),
        samples.inputs().sharpness(), inward, network.inwardOffsets(), outward,
        network.outwardOffsets(), cuts, recallTarget);
  }
}
