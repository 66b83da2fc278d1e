package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.tensor.TensorType;
import java.util.Optional;

/**
 * Element types a safetensors header may name, by their spelling there. Most cannot be imported,
 * but their sizes must be known to check the file, and a tensor that the graph does not use may
 * have any of them.
 */
enum ElementType {
  F32(4, TensorType.F32),
  F16(2, TensorType.F16),
  BF16(2, TensorType.BF16),
  BOOL(1),
  U8(1),
  I8(1),
  F8_E5M2(1),
  F8_E4M3(1),
  F8_E8M0(1),
  I16(2),
  U16(2),
  I32(4),
  U32(4),
  I64(8),
  U64(8),
  F64(8),
  C64(8);

  private final int elementBytes;
  private final TensorType stored;

  ElementType(int elementBytes) {
    this(elementBytes, null);
  }

  ElementType(int elementBytes, TensorType stored) {
    this.elementBytes = elementBytes;
    this.stored = stored;
  }

  int elementBytes() {
    return elementBytes;
  }

  /** The type it has in a store; empty if stores cannot hold it. */
  Optional<TensorType> stored() {
    return Optional.ofNullable(stored);
  }

  static Optional<ElementType> ofName(String name) {
    for (ElementType type : values()) {
      if (type.name().equals(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
