package dev.sluice.engine.predict;

import dev.sluice.storage.predictor.PredictorInput;

/**
 * Names the neurons that may be active. Implementations are immutable after construction and thread-safe; working memory
 * comes from the caller. The same input gives the same answer alone or in a block.
 */
public interface ActivePredictor {
  /** Name as on the command line, with its parameters, such as {@code quantised-4}. */
  String name();

  /** Memory that stays resident for it, in bytes, by the sizes of its matrices. */
  long residentBytes();

  /** What {@link #predict} is to be given. */
  default PredictorInput input() {
    return PredictorInput.FFN;
  }

  /**
   * Predicts for {@code count} positions.
   *
   * @param normed its {@link #input}, count × hidden, from {@code offset}
   * @param predicted receives 1 (may be active) or 0 for neuron i at position t in element i·count + t
   */
  void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch);

  /** Whether every neuron is named whatever the input, so that what a layer will read is known before it. */
  default boolean namesAll() {
    return false;
  }
}
