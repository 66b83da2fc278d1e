package dev.sluice.bundler.order;

import java.util.Arrays;

/** What every order must be. */
public final class Permutations {
  private Permutations() {}

  /**
   * Position of each neuron.
   *
   * @param order neuron at each position
   * @throws IllegalArgumentException if it is no permutation: a neuron is out of range or there twice
   */
  public static int[] inverse(int[] order) {
    int[] positions = new int[order.length];
    Arrays.fill(positions, -1);
    for (int position = 0; position < order.length; position++) {
      int neuron = order[position];
      if (neuron < 0 || neuron >= order.length || positions[neuron] >= 0) {
        throw new IllegalArgumentException("neuron " + neuron + " at position " + position);
      }
      positions[neuron] = position;
    }
    return positions;
  }
}
