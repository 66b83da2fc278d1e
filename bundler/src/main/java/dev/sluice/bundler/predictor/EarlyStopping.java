package dev.sluice.bundler.predictor;

import java.util.Arrays;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Epochs of Adam over batches in a seeded random order, until the loss on held-out positions has not fallen for a while. Each
 * epoch's rate is a little lower, and half where the loss rose. Stateless.
 */
final class EarlyStopping {
  private static final int BATCH = 64;
  private static final int PATIENCE = 3;
  private static final float RATE = 2e-3f;
  private static final float DECAY = 0.93f;

  private EarlyStopping() {}

  /** Moves a network along the gradient of some positions. */
  interface Step {
    void step(Network network, int[] batch, Adam[] optimisers, float rate);
  }

  /**
   * The network that did best, the start among them.
   *
   * @param network changes
   * @param positions 0 … positions − 1 are trained on
   */
  static Network train(Network network, int positions, int mostEpochs, long seed,
      ToDoubleFunction<Network> heldOutLoss, Step step) {
    Adam[] optimisers = {new Adam(network.inward()), new Adam(network.inwardOffsets()),
      new Adam(network.outward()), new Adam(network.outwardOffsets())};
    Random random = new Random(seed);
    int[] order = IntStream.range(0, positions).toArray();
    Network best = network.copy();
    double bestLoss = heldOutLoss.applyAsDouble(network);
    int sinceBest = 0;
    float rate = RATE;
    for (int epoch = 0; epoch < mostEpochs && sinceBest < PATIENCE; epoch++) {
      shuffle(order, random);
      for (int from = 0; from < order.length; from += BATCH) {
        int[] batch = Arrays.copyOfRange(order, from, Math.min(order.length, from + BATCH));
        step.step(network, batch, optimisers, rate);
      }
      double loss = heldOutLoss.applyAsDouble(network);
      if (loss < bestLoss) {
        best = network.copy();
        bestLoss = loss;
        sinceBest = 0;
      } else {
        sinceBest++;
        rate /= 2;
      }
      rate *= DECAY;
    }
    return best;
  }

  static void shuffle(int[] order, Random random) {
    for (int i = order.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
  }
}
