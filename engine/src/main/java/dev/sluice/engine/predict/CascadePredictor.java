package dev.sluice.engine.predict;

/**
 * A cheap predictor first; what it names, and only that, a low-bit copy looks at again. Costs the RAM of both, names fewer
 * than either, and takes little more time than the first.
 */
public final class CascadePredictor implements ActivePredictor {
  private final String name;
  private final LowRankPredictor first;
  private final QuantisedPredictor second;

  public CascadePredictor(String name, LowRankPredictor first, QuantisedPredictor second) {
    this.name = name;
    this.first = first;
    this.second = second;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long residentBytes() {
    return first.residentBytes() + second.residentBytes();
  }

  @Override
  public void predict(
      int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch) {
    first.predict(layer, normed, offset, count, predicted, scratch);
    second.narrow(layer, normed, offset, count, predicted, scratch);
  }
}
