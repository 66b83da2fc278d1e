package dev.sluice.bundler.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * The FFN of one layer in memory, neuron by neuron. The memory belongs to the arena it was read
 * into. Safe for reads from several threads.
 */
public final class FfnWeights {
  /** Side of the squares in which down is turned; 64 elements of 2 bytes are two cache lines. */
  private static final int BLOCK = 64;

  private final Optional<MemorySegment> gate;
  private final MemorySegment up;
  private final MemorySegment downColumns;
  private final long rowBytes;

  /**
   * @param gate rows [neurons, hidden], empty if ungated
   * @param up rows [neurons, hidden]
   * @param downColumns down's columns laid out as rows [neurons, hidden]
   * @param rowBytes bytes of {@code hidden} elements
   */
  FfnWeights(
      Optional<MemorySegment> gate, MemorySegment up, MemorySegment downColumns, long rowBytes) {
    this.gate = gate;
    this.up = up;
    this.downColumns = downColumns;
    this.rowBytes = rowBytes;
  }

  /**
   * Copies one neuron's bundle, the checkpoint's own bits: [gate row,] up row, down column.
   *
   * @param target {@link dev.sluice.storage.store.ModelSpec#bundleBytes()} bytes
   */
  public void copyBundle(int neuron, MemorySegment target) {
    long from = neuron * rowBytes;
    long to = 0;
    if (gate.isPresent()) {
      MemorySegment.copy(gate.get(), from, target, to, rowBytes);
      to += rowBytes;
    }
    MemorySegment.copy(up, from, target, to, rowBytes);
    MemorySegment.copy(downColumns, from, target, to + rowBytes, rowBytes);
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
