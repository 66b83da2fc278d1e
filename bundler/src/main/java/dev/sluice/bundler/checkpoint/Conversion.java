package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.tensor.Floats;
import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/** How a tensor of a checkpoint enters the store. */
enum Conversion {
  /** Bit for bit. */
  AS_IS,
  /**
   * One is added to every element, in float32: norms that a checkpoint holds relative to 1 (Nemotron, Gemma) are absolute
   * in a store, as they are in GGUF files.
   */
  ADD_ONE,
  /** Without the first two rows: OPT's learned positions begin with two that no position uses. */
  SKIP_TWO_ROWS;

  private static final int SKIPPED_ROWS = 2;

  TensorType storedType(TensorType source) {
    return this == ADD_ONE ? TensorType.F32 : source;
  }

  /** Shapes are outermost dimension first. */
  List<Integer> storedShape(List<Integer> source) {
    List<Integer> shape = new ArrayList<>(source);
    if (this == SKIP_TWO_ROWS) {
      shape.set(0, shape.getFirst() - SKIPPED_ROWS);
    }
    return List.copyOf(shape);
  }

  /** The stored bytes; native memory of {@code memory}, or {@code source} itself. */
  MemorySegment apply(MemorySegment source, TensorType type, List<Integer> shape,
      SegmentAllocator memory) {
    return switch (this) {
      case AS_IS -> source;
      case ADD_ONE -> {
        float[] values = new float[Math.toIntExact(source.byteSize() / type.bytes(1))];
        TensorDecoder.decode(type, source, 0, values, 0, values.length);
        for (int i = 0; i < values.length; i++) {
          values[i] += 1;
        }
        byte[] bytes = Floats.toBytes(values);
        yield memory.allocate(bytes.length, Float.BYTES).copyFrom(MemorySegment.ofArray(bytes));
      }
      case SKIP_TWO_ROWS -> source.asSlice(SKIPPED_ROWS * (source.byteSize() / shape.getFirst()));
    };
  }
}
