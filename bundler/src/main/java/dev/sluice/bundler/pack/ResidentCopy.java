package dev.sluice.bundler.pack;

import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Carries over what a repacked store keeps as it was: dense tensors and the tokenizer. */
final class ResidentCopy {
  private ResidentCopy() {}

  /** Copies, and returns the dense tensors' memory. */
  static MemorySegment copy(Store store, StoreWriter writer, Arena arena) {
    MemorySegment dense = store.loadDense(arena);
    for (DenseTensor tensor : store.denseTensors()) {
      writer.dense(tensor.name(), tensor.type(), tensor.shape(),
          dense.asSlice(tensor.offsetBytes(), tensor.bytes()));
    }
    store.tokenizerJson().ifPresent(writer::tokenizerJson);
    return dense;
  }
}
