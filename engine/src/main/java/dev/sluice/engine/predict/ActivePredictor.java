package dev.sluice.engine.predict;

/**
 * Names the neurons that may be active. Implementations are immutable after construction and thread-safe; working memory
 * comes from the caller. The same input gives the same answer alone or in a block.
 */
public interface ActivePredictor {
  /** Name as on the command line, with its parameters, such as {@code quantised-4}. */
  String name();

  /** Memory that stays resident for it, in bytes, by the sizes of its matrices. */
  long residentBytes();

  /**
   * Predicts for {@code count} positions.
   *
   * @param normed the FFN's input, count × hidden, from {@code offset}
   * @param predicted receives 1 (may be active) or 0 for neuron i at position t in element i·count + t
   */
  void predict(int layer, float[] normed, int offset, int count, byte[] predicted,
      PredictorScratch scratch);

  /**
   * Names neurons of one token that are likely enough to be named at their layer to be read before it, from an input that
   * lacks what the layer before adds.
   *
   * @param almostNormed the FFN's input as it would be if the layer before added nothing, hidden elements
   * @param predicted receives 1 or 0 for each neuron
   */
  default void foresee(int layer, float[] almostNormed, byte[] predicted,
      PredictorScratch scratch) {
    predict(layer, almostNormed, 0, 1, predicted, scratch);
  }

  /** Whether every neuron is named whatever the input, so that what a layer will read is known before it. */
  default boolean namesAll() {
    return false;
  }
}
