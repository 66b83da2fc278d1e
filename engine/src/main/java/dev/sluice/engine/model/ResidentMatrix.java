package dev.sluice.engine.model;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;

/**
 * A resident tensor of rows × columns where it lies, row-major. The memory is the model's. Immutable.
 *
 * @param offsetBytes where it begins in {@code memory}
 */
public record ResidentMatrix(
    TensorType type, MemorySegment memory, long offsetBytes, int rows, int columns) {

  /** Where a row begins in {@link #memory}. */
  public long rowOffsetBytes(int row) {
    return offsetBytes + row * type.bytes(columns);
  }
}
