package dev.sluice.engine.ffn;

import dev.sluice.engine.model.Model;

/** The FFN's bias vectors, resident like every other dense tensor. */
final class FfnBiases {
  private static final String[] KINDS = {"gate", "up", "down"};

  private FfnBiases() {}

  /** Layer, then gate, up, down; an empty array where the model has no such bias. */
  static float[][][] of(Model model) {
    float[][][] biases = new float[model.spec().layers()][KINDS.length][];
    for (int layer = 0; layer < biases.length; layer++) {
      for (int kind = 0; kind < KINDS.length; kind++) {
        biases[layer][kind] = model.ffnBias(layer, KINDS[kind]);
      }
    }
    return biases;
  }
}
