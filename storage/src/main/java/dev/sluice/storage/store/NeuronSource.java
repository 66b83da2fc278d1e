package dev.sluice.storage.store;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Gives the weights of one layer, neuron by neuron, in whatever order the writer asks. */
@FunctionalInterface
public interface NeuronSource {
  /**
   * Fills {@code target} with neuron {@code neuron}'s bundle: [gate|]up|down, {@code hidden} elements each.
   *
   * @param neuron original index, 0 to d_ff − 1
   * @param target native memory of exactly {@link ModelSpec#bundleBytes()} bytes; its earlier content is undefined
   * @throws IOException if the checkpoint cannot be read
   */
  void copyBundle(int neuron, MemorySegment target) throws IOException;
}
