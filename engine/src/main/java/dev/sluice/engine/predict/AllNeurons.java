package dev.sluice.engine.predict;

import java.util.Arrays;

/** Predicts every neuron: the dense run, and the control for every other predictor. */
public final class AllNeurons implements ActivePredictor {
  private final int neurons;

  public AllNeurons(int neurons) {
    this.neurons = neurons;
  }

  @Override
  public String name() {
    return "all";
  }

  @Override
  public long residentBytes() {
    return 0;
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    Arrays.fill(predicted, 0, neurons * count, (byte) 1);
  }

  @Override
  public boolean namesAll() {
    return true;
  }
}
