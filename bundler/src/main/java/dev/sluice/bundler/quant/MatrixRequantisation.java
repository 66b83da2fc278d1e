package dev.sluice.bundler.quant;

import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;

/**
 * A row-major matrix encoded anew, on all cores, in pieces of whole rows that are made when they are asked for: a piece is in
 * memory, not the matrix. Mutable; one thread asks.
 */
public final class MatrixRequantisation implements Iterator<MemorySegment> {
  private static final long PIECE_BYTES = 8L << 20;
  private static final int TASK_ROWS = 64;

  private final TensorType from;
  private final MemorySegment source;
  private final int rows;
  private final int cols;
  private final TensorType to;
  private final int pieceRows;
  private final MemorySegment piece;
  private int next; // row
  private double errors;
  private double squares;

  /**
   * @param from any type that has a decoder
   * @param source rows × cols elements
   * @param to Q8_0, Q4_0 or Q4_1, of whose blocks a row has a whole number
   * @param arena for a piece
   */
  public MatrixRequantisation(
      TensorType from, MemorySegment source, int rows, int cols, TensorType to, Arena arena) {
    this(from, source, rows, cols, to, arena, PIECE_BYTES);
  }

  /** The same with pieces of about so many bytes, at least one row. */
  MatrixRequantisation(TensorType from, MemorySegment source, int rows, int cols, TensorType to,
      Arena arena, long pieceBytes) {
    this.from = from;
    this.source = source;
    this.rows = rows;
    this.cols = cols;
    this.to = to;
    this.pieceRows = (int) Math.clamp(pieceBytes / to.bytes(cols), 1, rows);
    this.piece = arena.allocate(pieceRows * to.bytes(cols), Long.BYTES);
  }

  @Override
  public boolean hasNext() {
    return next < rows;
  }

  /** The next rows; valid until the next call. */
  @Override
  public MemorySegment next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    int first = next;
    int count = Math.min(pieceRows, rows - first);
    double[][] sums = IntStream.range(0, Math.ceilDiv(count, TASK_ROWS)).parallel()
        .mapToObj(task -> encode(first, task * TASK_ROWS, Math.min(count, (task + 1) * TASK_ROWS)))
        .toArray(double[][]::new);
    for (double[] one : sums) { // in the order of rows, so that the result does not depend on threads
      errors += one[0];
      squares += one[1];
    }
    next = first + count;
    return piece.asSlice(0, count * to.bytes(cols));
  }

  private double[] encode(int first, int begin, int end) {
    RowEncoder encoder = new RowEncoder(to);
    float[] row = new float[cols];
    double[] sums = new double[2];
    for (int r = begin; r < end; r++) {
      TensorDecoder.decode(from, source, (first + r) * from.bytes(cols), row, 0, cols);
      sums[0] += encoder.encode(row, 0, cols, piece, r * to.bytes(cols));
      for (float value : row) {
        sums[1] += (double) value * value;
      }
    }
    return sums;
  }

  /** Sum of the squared errors of the rows so far. */
  public double squaredErrors() {
    return errors;
  }

  /** Sum of the squares of the weights so far. */
  public double squares() {
    return squares;
  }
}
