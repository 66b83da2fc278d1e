package dev.sluice.storage.store;

import dev.sluice.storage.tensor.TensorType;
import java.util.List;

/**
 * A resident tensor's place in {@code dense.bin}.
 *
 * @param name canonical name, such as {@code layers.0.attention.q.weight}
 * @param shape extents, outermost first, row-major
 * @param offsetBytes from the start of the file, a multiple of 64
 * @param bytes length without padding
 */
public record DenseTensor(
    String name, TensorType type, List<Integer> shape, long offsetBytes, long bytes) {
  public DenseTensor {
    shape = List.copyOf(shape);
  }
}
