package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.tensor.TensorType;
import java.util.List;

/**
 * A tensor that stays resident: everything but the FFN's matrices.
 *
 * @param name canonical name, such as {@code layers.0.attention.q.weight}
 * @param source its name in the checkpoint
 * @param type element type in the store, as {@code shape} and {@code bytes} are the store's
 * @param shape elements per dimension, outermost first; row-major
 * @param rowsTogether rows, along the outermost dimension, that can only be read together: 1, or all there are
 */
public record DenseWeight(
    String name, String source, TensorType type, List<Integer> shape, long bytes,
    int rowsTogether) {
  public DenseWeight {
    shape = List.copyOf(shape);
  }

  /** The outermost extent. */
  public int rows() {
    return shape.getFirst();
  }
}
