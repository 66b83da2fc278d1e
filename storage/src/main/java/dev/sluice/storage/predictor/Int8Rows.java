package dev.sluice.storage.predictor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/**
 * A matrix of signed bytes, −127 … 127, with one float scale a row, laid out for products with many short rows: groups of
 * {@value #GROUP_ROWS} rows, in each group pairs of columns, and for each pair {@value #STEP_BYTES} bytes in which a
 * little-endian 16-bit lane is one row's two elements. Even lanes are the group's first eight rows and odd lanes its last
 * eight, so that sums of even and of odd lanes apart leave rows in order. Rows and columns are padded with zeros.
 *
 * <p>A product with a vector of bytes is a sum of whole numbers: it does not depend on the order of addition. The codes
 * are a view over memory that the caller owns; reading is thread-safe.
 */
public final class Int8Rows {
  /** Rows that stand together. */
  public static final int GROUP_ROWS = 16;

  /** Bytes of one pair of columns of one group. */
  public static final int STEP_BYTES = 2 * GROUP_ROWS;

  /** The largest absolute code. */
  public static final int LARGEST = 127;

  /** More columns could overflow a sum of 32 bits. */
  public static final int MAX_COLS = 1 << 16;

  private final MemorySegment codes;
  private final int rows;
  private final int cols;
  private final float[] scales;

  /**
   * @param codes at least {@link #codeBytes} bytes, laid out as above
   * @param scales one per row; kept, not copied
   */
  public Int8Rows(MemorySegment codes, int rows, int cols, float[] scales) {
    if (codes.byteSize() < codeBytes(rows, cols) || scales.length != rows) {
      throw new IllegalArgumentException(
          rows + " × " + cols + " int8 rows need " + codeBytes(rows, cols) + " bytes and as many "
              + "scales as rows");
    }
    this.codes = codes;
    this.rows = rows;
    this.cols = cols;
    this.scales = scales;
  }

  /** Bytes of the codes of a matrix, padding included. */
  public static long codeBytes(int rows, int cols) {
    if (rows < 1 || cols < 1 || cols > MAX_COLS) {
      throw new IllegalArgumentException(
          "int8 rows of " + rows + " × " + cols + " are not possible");
    }
    return (long) groups(rows) * steps(cols) * STEP_BYTES;
  }

  private static int groups(int rows) {
    return (rows + GROUP_ROWS - 1) / GROUP_ROWS;
  }

  private static int steps(int cols) {
    return (cols + 1) / 2;
  }

  /** Rounds {@code values}, rows × cols, each row to its largest absolute value over {@value #LARGEST}. */
  public static Int8Rows pack(float[] values, int rows, int cols, SegmentAllocator memory) {
    MemorySegment codes = memory.allocate(codeBytes(rows, cols), 64).fill((byte) 0);
    float[] scales = new float[rows];
    Int8Rows packed = new Int8Rows(codes, rows, cols, scales);
    for (int row = 0; row < rows; row++) {
      float largest = 0;
      for (int c = 0; c < cols; c++) {
        largest = Math.max(largest, Math.abs(values[row * cols + c]));
      }
      scales[row] = largest == 0 ? 1 : largest / LARGEST;
      for (int c = 0; c < cols; c++) {
        int code = Math.round(values[row * cols + c] / scales[row]);
        codes.set(ValueLayout.JAVA_BYTE, packed.offsetBytes(row, c),
            (byte) Math.clamp(code, -LARGEST, LARGEST));
      }
    }
    return packed;
  }

  private long offsetBytes(int row, int col) {
    int inGroup = row % GROUP_ROWS;
    int lane = inGroup < GROUP_ROWS / 2 ? 2 * inGroup : 2 * (inGroup - GROUP_ROWS / 2) + 1;
    return groupOffsetBytes(row / GROUP_ROWS) + (long) (col / 2) * STEP_BYTES + 2L * lane + col % 2;
  }

  public int rows() {
    return rows;
  }

  public int cols() {
    return cols;
  }

  /** Groups of rows, the last one padded. */
  public int groups() {
    return groups(rows);
  }

  /** Pairs of columns, the last one padded. */
  public int steps() {
    return steps(cols);
  }

  /** Where a group's codes begin in {@link #codes}. */
  public long groupOffsetBytes(int group) {
    return (long) group * steps() * STEP_BYTES;
  }

  public MemorySegment codes() {
    return codes;
  }

  /** The integer that stands for an element. */
  public int code(int row, int col) {
    return codes.get(ValueLayout.JAVA_BYTE, offsetBytes(row, col));
  }

  /** What one step of a row's integers is worth. */
  public float scale(int row) {
    return scales[row];
  }

  /** An element as float. */
  public float value(int row, int col) {
    return code(row, col) * scales[row];
  }

  /** Bytes of codes and scales. */
  public long bytes() {
    return codeBytes(rows, cols) + (long) Float.BYTES * rows;
  }

  /** The first {@code cols} columns, copied into {@code memory}; scales stay, so elements keep their values. */
  public Int8Rows firstCols(int cols, SegmentAllocator memory) {
    MemorySegment some = memory.allocate(codeBytes(rows, cols), 64);
    Int8Rows result = new Int8Rows(some, rows, cols, scales);
    for (int group = 0; group < groups(); group++) {
      MemorySegment.copy(codes, groupOffsetBytes(group), some, result.groupOffsetBytes(group),
          (long) result.steps() * STEP_BYTES);
    }
    if (cols % 2 == 1) {
      for (int row = 0; row < rows; row++) {
        some.set(ValueLayout.JAVA_BYTE, result.offsetBytes(row, cols - 1) + 1, (byte) 0);
      }
    }
    return result;
  }
}
