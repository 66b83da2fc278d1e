package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;

/**
 * The scales of down's columns where they lie: for each block of consecutive neurons one row with a scale for every output,
 * in natural order. The memory is the caller's. Immutable.
 *
 * @param type F16 or F32
 * @param offsetBytes where the first block's row begins in {@code memory}
 * @param outputs scales in a row
 * @param blockNeurons neurons that share a row, at least 1
 */
public record BlockScales(
    TensorType type, MemorySegment memory, long offsetBytes, int outputs, int blockNeurons) {

  /** Which row a neuron's is. */
  int block(int neuron) {
    return neuron / blockNeurons;
  }

  long rowOffsetBytes(int block) {
    return offsetBytes + block * type.bytes(outputs);
  }

  /** The first column after {@code first} that is not of its block; neurons are ascending. */
  int blockEnd(int[] neurons, int first, int columns) {
    int block = block(neurons[first]);
    int end = first + 1;
    while (end < columns && block(neurons[end]) == block) {
      end++;
    }
    return end;
  }
}
