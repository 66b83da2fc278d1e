package dev.sluice.engine.model;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Token vectors. Where they are the head too they are resident anyway; otherwise a token needs one row, which is read from
 * the store each time instead of keeping them all. Immutable; thread-safe.
 */
final class Embedding {
  private final Store store;
  private final DenseTensor tensor;
  private final Optional<Linear> resident;
  private final int hidden;

  /** Rows kept in memory. */
  static Embedding resident(Store store, DenseTensor tensor, Linear rows) {
    return new Embedding(store, tensor, Optional.of(rows));
  }

  /** Rows read one at a time. */
  static Embedding onDisk(Store store, DenseTensor tensor) {
    return new Embedding(store, tensor, Optional.empty());
  }

  private Embedding(Store store, DenseTensor tensor, Optional<Linear> resident) {
    this.store = store;
    this.tensor = tensor;
    this.resident = resident;
    this.hidden = store.spec().hidden();
  }

  /** The vector of a token, float32 in natural order. */
  void copyRow(Kernels kernels, int token, float[] target, int offset, Scratch scratch) {
    if (resident.isPresent()) {
      resident.get().copyRow(kernels, token, target, offset, scratch);
      return;
    }
    long rowBytes = tensor.type().bytes(hidden);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment row = arena.allocate(rowBytes, Long.BYTES);
      store.readDense(tensor.offsetBytes() + token * rowBytes, row);
      float[] arranged = scratch.arranged(hidden);
      kernels.widen(tensor.type(), row, 0, arranged, 0, hidden);
      kernels.restore(tensor.type(), arranged, 0, target, offset, hidden);
    }
  }
}
