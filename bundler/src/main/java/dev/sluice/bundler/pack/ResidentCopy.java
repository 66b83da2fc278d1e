package dev.sluice.bundler.pack;

import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.store.StoreWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Predicate;

/** Carries over what a repacked store keeps as it was: dense tensors and the tokenizer. */
final class ResidentCopy {
  private ResidentCopy() {}

  /** Copies, and returns the dense tensors' memory. */
  static MemorySegment copy(Store store, StoreWriter writer, Arena arena) {
    return copy(store, writer, arena, tensor -> true);
  }

  /** The same with only the tensors that {@code kept} takes. */
  static MemorySegment copy(Store store, StoreWriter writer, Arena arena,
      Predicate<DenseTensor> kept) {
    MemorySegment dense = store.loadDense(arena);
    for (DenseTensor tensor : store.denseTensors()) {
      if (kept.test(tensor)) {
        writer.dense(tensor.name(), tensor.type(), tensor.shape(),
            dense.asSlice(tensor.offsetBytes(), tensor.bytes()));
      }
    }
    store.tokenizerJson().ifPresent(writer::tokenizerJson);
    return dense;
  }
}
