package dev.sluice.bundler.checkpoint;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/**
 * The FFN of one layer in memory, neuron by neuron. The memory belongs to the arena it was read
 * into. Safe for reads from several threads.
 */
public final class FfnWeights {
  /** Side of the squares in which down is turned; 64 elements of 2 bytes are two cache lines. */
  private static final int BLOCK = 64;

  /**
   * One row or column per neuron.
   *
   * @param rowBytes from one neuron's to the next one's
   */
  record Rows(MemorySegment data, long rowBytes) {
    long copy(int neuron, MemorySegment target, long at) {
      MemorySegment.copy(data, neuron * rowBytes, target, at, rowBytes);
      return at + rowBytes;
    }
  }

  /**
   * Scales or minimums of down, which stay resident; see {@link dev.sluice.storage.store.BundleFormat}.
   *
   * @param name canonical name of the dense tensor
   */
  public record ColumnScales(
      String name, TensorType type, List<Integer> shape, MemorySegment data) {}

  private final Optional<Rows> gate;
  private final Rows up;
  private final Rows down;
  private final List<ColumnScales> scales;

  /**
   * @param gate rows [neurons, hidden], empty if ungated
   * @param up rows [neurons, hidden]
   * @param down down's columns laid out as rows [neurons, hidden]
   * @param scales of columns that do not bring their own
   */
  FfnWeights(Optional<Rows> gate, Rows up, Rows down, List<ColumnScales> scales) {
    this.gate = gate;
    this.up = up;
    this.down = down;
    this.scales = List.copyOf(scales);
  }

  /** Dense tensors that go with the columns; usually none. */
  public List<ColumnScales> scales() {
    return scales;
  }

  /**
   * Copies one neuron's bundle: [gate row,] up row, down column.
   *
   * @param target {@link dev.sluice.storage.store.ModelSpec#bundleBytes()} bytes
   */
  public void copyBundle(int neuron, MemorySegment target) {
    long at = gate.isPresent() ? gate.get().copy(neuron, target, 0) : 0;
    down.copy(neuron, target, up.copy(neuron, target, at));
  }

  /**
   * Turns a row-major matrix [rows, columns] into [columns, rows], square by square so that both
   * sides stay in cache.
   *
   * @param elementBytes 2 or 4
   */
  static void transpose(
      MemorySegment source, int rows, int columns, int elementBytes, MemorySegment target) {
    for (int rowBlock = 0; rowBlock < rows; rowBlock += BLOCK) {
      int rowEnd = Math.min(rows, rowBlock + BLOCK);
      for (int columnBlock = 0; columnBlock < columns; columnBlock += BLOCK) {
        int columnEnd = Math.min(columns, columnBlock + BLOCK);
        for (int column = columnBlock; column < columnEnd; column++) {
          long from = (long) rowBlock * columns + column;
          long to = (long) column * rows;
          if (elementBytes == Short.BYTES) {
            for (int row = rowBlock; row < rowEnd; row++, from += columns) {
              target.setAtIndex(
                  ValueLayout.JAVA_SHORT,
                  to + row,
                  source.getAtIndex(ValueLayout.JAVA_SHORT, from));
            }
          } else {
            for (int row = rowBlock; row < rowEnd; row++, from += columns) {
              target.setAtIndex(
                  ValueLayout.JAVA_INT, to + row, source.getAtIndex(ValueLayout.JAVA_INT, from));
            }
          }
        }
      }
    }
  }
}
