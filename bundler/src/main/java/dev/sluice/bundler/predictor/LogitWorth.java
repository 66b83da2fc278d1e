package dev.sluice.bundler.predictor;

/** Scores of a network that was trained to give worth itself. */
final class LogitWorth implements Worth {
  @Override
  public float of(int neuron, float score) {
    return score;
  }

  @Override
  public void cut(int neuron, float bar, Cut cut) {
    cut.clear();
    cut.from = bar;
  }

  @Override
  public boolean hasDips() {
    return false;
  }
}
