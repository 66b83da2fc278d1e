package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Memory for weights, and what must hold of them once they are read. */
final class WeightMemory {
  /** Memory alignment of what is read: a cache line, and the widest vector. */
  private static final int ALIGNMENT_BYTES = 64;

  private WeightMemory() {}

  /**
   * A sparse file may claim more than any memory: that is an error like others, not the end of the
   * process.
   *
   * @param place the tensor, for messages
   */
  static MemorySegment allocate(SegmentAllocator memory, long bytes, String place) {
    try {
      return memory.allocate(bytes, ALIGNMENT_BYTES);
    } catch (OutOfMemoryError e) {
      throw new FaultException(
          place, "there is no memory for its " + bytes + " bytes", "free some memory", e);
    }
  }

  /** As the other one, of a whole tensor. */
  static void requireFinite(MemorySegment data, TensorType type, String place) {
    requireFinite(data, type, place, 0, elements(data, type));
  }

  /**
   * @param data whole elements or blocks of {@code type}
   * @param firstElement the tensor's element that {@code data} begins with
   * @param tensorElements of the tensor
   * @throws BadInputException naming the tensor and the first element that is not finite
   */
  static void requireFinite(
      MemorySegment data, TensorType type, String place, long firstElement,
      long tensorElements) {
    long index = ElementScan.firstNonFinite(data, type);
    if (index >= 0) {
      throw new BadInputException(
          place,
          (type.isFloat() ? "element " : "the scale of the block at element ")
              + (firstElement + index)
              + " of its "
              + tensorElements
              + " is infinite or not a number",
          "fetch or export the weights again");
    }
  }

  static long elements(MemorySegment data, TensorType type) {
    return data.byteSize() / type.blockBytes() * type.blockElements();
  }
}
