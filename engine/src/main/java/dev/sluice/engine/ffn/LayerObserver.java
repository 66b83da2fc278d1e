package dev.sluice.engine.ffn;

/** Sees every block of every layer of a {@link Sweep} after its neurons are computed and before inactive ones are zeroed. */
public interface LayerObserver {
  /** Watches nothing. */
  LayerObserver NONE =
      new LayerObserver() {
        @Override
        public boolean wantsColumnNorms() {
          return false;
        }

        @Override
        public void layerStarts(LayerWeights weights, float[] columnNorms) {}

        @Override
        public void observe(Block block) {}

        @Override
        public void layerEnds(int layer) {}
      };

  /** Whether {@link #layerStarts} and blocks must bring column norms, which cost a pass over down; zeros otherwise. */
  default boolean wantsColumnNorms() {
    return true;
  }

  /**
   * One block of positions at one layer; buffers are valid during the call only.
   *
   * @param sequence index of the sequence in the sweep
   * @param firstToken the block's first token within its sequence
   * @param count positions
   * @param normed the FFN's input, count × hidden
   * @param blockNormed the hidden state before the layer's attention, normed likewise; count × hidden
   * @param inner act(gate) or act(up), neurons × count
   * @param outputs h, neurons × count
   * @param verdicts per neuron and position the bits {@link Sweep#ACTIVE} and {@link Sweep#PREDICTED}
   */
  record Block(
      LayerWeights weights, float[] columnNorms, int sequence, int firstToken, int count,
      float[] normed, float[] blockNormed, float[] inner, float[] outputs,
      byte[] verdicts) {}

  /** Before any block of the layer; called by one thread. */
  void layerStarts(LayerWeights weights, float[] columnNorms);

  /** Called by several threads at once. */
  void observe(Block block);

  /** After all blocks of the layer; called by one thread. */
  void layerEnds(int layer);
}
