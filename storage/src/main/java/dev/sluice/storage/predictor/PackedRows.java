package dev.sluice.storage.predictor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * A matrix kept in 1, 2, 3, 4 or 8 bits an element. Each group of {@value #GROUP} elements of a row shares one float16
 * scale s; code q stands for (q + ½ − 2^(bits−1))·s, so levels are symmetric and none is wasted on zero. Behind the codes
 * and scales of a row stands ‖error‖, the Euclidean norm of what rounding lost, as float32.
 *
 * <p>Row layout, little-endian: codes (cols·bits/8 bytes, one stream of bits, low ones first), scales (2 bytes each), error norm (4).
 * A view over memory that the caller owns; reading is thread-safe.
 */
public final class PackedRows {
  /** Bits that an element may have. */
  public static final List<Integer> BITS = List.of(1, 2, 3, 4, 8);

  /** Elements that share a scale. */
  public static final int GROUP = 64;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  // Scale candidates tried per group, as shares of the largest absolute value over the outermost level.
  private static final int SCALE_STEPS = 24;

  private final MemorySegment memory;
  private final int rows;
  private final int cols;
  private final int bits;
  private final int rowBytes;

  /**
   * @param memory at least {@code rows} × {@link #rowBytes}
   * @param cols a multiple of 8
   * @param bits one of {@link #BITS}
   */
  public PackedRows(MemorySegment memory, int rows, int cols, int bits) {
    this.memory = memory;
    this.rows = rows;
    this.cols = cols;
    this.bits = bits;
    this.rowBytes = rowBytes(cols, bits);
    if (memory.byteSize() < (long) rows * rowBytes) {
      throw new IllegalArgumentException(
          rows + " packed rows need " + (long) rows * rowBytes + " bytes, not "
              + memory.byteSize());
    }
  }

  /** Bytes that one row takes. */
  public static int rowBytes(int cols, int bits) {
    if (!BITS.contains(bits)) {
      throw new IllegalArgumentException(
          "packed rows have 1, 2, 3, 4 or 8 bits an element, not " + bits);
    }
    if (cols <= 0 || cols % 8 != 0) {
      throw new IllegalArgumentException(
          "packed rows need a width that is a multiple of 8, not " + cols);
    }
    return cols / 8 * bits + groups(cols) * 2 + 4;
  }

  private static int groups(int cols) {
    return (cols + GROUP - 1) / GROUP;
  }

  public int rows() {
    return rows;
  }

  public int cols() {
    return cols;
  }

  public int bits() {
    return bits;
  }

  /** Bytes of all rows. */
  public long bytes() {
    return (long) rows * rowBytes;
  }

  /** Where a row's codes begin in {@link #memory}. */
  public long codesOffsetBytes(int row) {
    return (long) row * rowBytes;
  }

  /** The scale of a group of a row. */
  public float scale(int row, int group) {
    long at = codesOffsetBytes(row) + (long) cols / 8 * bits + 2L * group;
    return Float.float16ToFloat(memory.get(SHORT, at));
  }

  /** The packed bytes of all rows. */
  public MemorySegment memory() {
    return memory.asSlice(0, bytes());
  }

  /** ‖row − its packed form‖. */
  public float errorNorm(int row) {
    return memory.get(FLOAT, (long) (row + 1) * rowBytes - 4);
  }

  /** Rounds {@code values[offset .. offset + cols)} into row {@code row}; the scale of each group minimises its error. */
  public void pack(int row, float[] values, int offset) {
    long base = (long) row * rowBytes;
    memory.asSlice(base, rowBytes).fill((byte) 0);
    double errorSquares = 0;
    int half = 1 << (bits - 1);
    for (int group = 0; group < groups(cols); group++) {
      int from = group * GROUP;
      int to = Math.min(cols, from + GROUP);
      float scale = bestScale(values, offset + from, to - from, half);
      memory.set(SHORT, base + (long) cols / 8 * bits + 2L * group, Float.floatToFloat16(scale));
      for (int i = from; i < to; i++) {
        float value = values[offset + i];
        int code = code(value, scale, half);
        put(base, i * bits, code);
        double error = value - level(code, scale, half);
        errorSquares += error * error;
      }
    }
    memory.set(FLOAT, base + rowBytes - 4, (float) Math.sqrt(errorSquares));
  }

  /** Sets bits that are 0; three may lie across two bytes. */
  private void put(long base, int bit, int code) {
    int shifted = code << bit % 8;
    long at = base + bit / 8;
    for (int rest = shifted; rest != 0; rest >>>= 8) {
      byte now = memory.get(ValueLayout.JAVA_BYTE, at);
      memory.set(ValueLayout.JAVA_BYTE, at++, (byte) (now | rest));
    }
  }

  private static float bestScale(float[] values, int offset, int count, int half) {
    float largest = 0;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, Math.abs(values[offset + i]));
    }
    float best = 0;
    double bestError = Double.POSITIVE_INFINITY;
    for (int step = 0; step < SCALE_STEPS; step++) {
      // From no clipping down to a quarter of it: few-bit groups gain by clipping their tails.
      float candidate = largest / (half - 0.5f) * (1 - 0.75f * step / SCALE_STEPS);
      float scale = Float.float16ToFloat(Float.floatToFloat16(candidate));
      double error = 0;
      for (int i = 0; i < count; i++) {
        float value = values[offset + i];
        double lost = value - level(code(value, scale, half), scale, half);
        error += lost * lost;
      }
      if (error < bestError) {
        bestError = error;
        best = scale;
      }
    }
    return best;
  }

  private static int code(float value, float scale, int half) {
    int level = scale == 0 ? 0 : (int) Math.floor(value / scale);
    return Math.max(-half, Math.min(half - 1, level)) + half;
  }

  private static float level(int code, float scale, int half) {
    return (code - half + 0.5f) * scale;
  }

  private long codes(long at) {
    long codes = 0;
    for (int b = 0; b < bits; b++) {
      codes |= Byte.toUnsignedLong(memory.get(ValueLayout.JAVA_BYTE, at + b)) << 8 * b;
    }
    return codes;
  }

  /** Writes row {@code row} as float32 to {@code target[offset .. offset + cols)}. */
  public void unpack(int row, float[] target, int offset) {
    long base = (long) row * rowBytes;
    int half = 1 << (bits - 1);
    int mask = (1 << bits) - 1;
    long scales = base + (long) cols / 8 * bits;
    for (int group = 0; group < groups(cols); group++) {
      int from = group * GROUP;
      int to = Math.min(cols, from + GROUP);
      float scale = Float.float16ToFloat(memory.get(SHORT, scales + 2L * group));
      float zero = (0.5f - half) * scale;
      // Eight elements are as many whole bytes as one has bits.
      for (int i = from; i < to; i += 8) {
        long codes = codes(base + i / 8L * bits);
        for (int k = 0; k < 8; k++) {
          target[offset + i + k] = Math.fma((int) (codes >>> k * bits) & mask, scale, zero);
        }
      }
    }
  }
}
