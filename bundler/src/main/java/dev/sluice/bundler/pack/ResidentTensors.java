package dev.sluice.bundler.pack;

import dev.sluice.storage.store.DenseTensor;
import dev.sluice.storage.store.Store;
import dev.sluice.storage.tensor.TensorDecoder;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A store's dense tensors in memory, by name. Immutable; thread-safe; owns nothing. */
final class ResidentTensors {
  private final List<DenseTensor> all;
  private final Map<String, DenseTensor> byName = new HashMap<>();
  private final MemorySegment memory;

  /**
   * @param memory all of {@code dense.bin}
   */
  ResidentTensors(Store store, MemorySegment memory) {
    all = store.denseTensors();
    all.forEach(tensor -> byName.put(tensor.name(), tensor));
    this.memory = memory;
  }

  /** In the order in which the store has them. */
  List<DenseTensor> all() {
    return all;
  }

  /** A tensor's bytes; none if there is no such tensor. */
  MemorySegment bytes(String name) {
    DenseTensor tensor = byName.get(name);
    return tensor == null ? MemorySegment.NULL
        : memory.asSlice(tensor.offsetBytes(), tensor.bytes());
  }

  /** All elements of a tensor, row-major; none if there is no such tensor. */
  float[] floats(String name) {
    DenseTensor tensor = byName.get(name);
    if (tensor == null) {
      return new float[0];
    }
    int elements = tensor.shape().stream().reduce(1, Math::multiplyExact);
    float[] result = new float[elements];
    TensorDecoder.decode(tensor.type(), memory, tensor.offsetBytes(), result, 0, elements);
    return result;
  }
}
