package dev.sluice.bundler.predictor;

import java.util.SortedMap;

/** A predictor in the making: takes the layers in order, one thread, and ends in blobs of the catalog. */
public sealed interface PredictorFit
    permits QuantisedFit, LowRankFit, TrainedFit, CascadeFit, CertifiedFit, ExpertFit {
  /** Fits the next layer. */
  void addLayer(QuantisedFit.LayerData data);

  /** What the store keeps, by key; after the last layer. */
  SortedMap<String, byte[]> blobs();

  /** Share of a layer's neurons that is named at the chosen target, by layer; after the last. */
  float[] namedShares();
}
