package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Activations as signed bytes, with a float32 scale for each block of 32 consecutive ones, as in ggml's Q8_0 (which rounds
 * its scales to float16; these are not rounded): d = max |x| / 127, q = x · (1 / d) rounded half away from zero, so |q| ≤
 * 127. Reusable: {@link Kernels#quantise} overwrites it. One writer; other threads read once it is written.
 *
 * <p>Held as the products with weights want them, 136 bytes a block: in shorts q_0 … q_15, q_16 … q_31, q_(k+16) − 16 q_k (for
 * nibbles whose high halves were not cut off), −8 (q_k + q_(k+16)) (what Q4_0's offset takes away); in floats the scale, and
 * the scale times the sum of the quants (the block's product with weights of 1). 160 bytes, which would keep vectors within
 * cache lines, measured a sixth slower with Q4_0 rows from DRAM.
 */
public final class Int8Vector {
  /** Activations that share a scale. */
  public static final int BLOCK = 32;

  static final int BLOCK_BYTES = 136;
  static final int HIGH_BYTES = 32;
  static final int UNCUT_BYTES = 64;
  static final int OFFSET_BYTES = 96;
  static final int SCALE_BYTES = 128;
  static final int SUM_BYTES = 132;

  private static final int LANES = 16;

  // Loops read them in this order on any machine.
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment memory;
  private final int capacity;
  private int length;

  /** Room for {@code capacity} activations, a multiple of 32. */
  public Int8Vector(int capacity) {
    if (capacity < 0 || capacity % BLOCK != 0) {
      throw new IllegalArgumentException(capacity + " activations are no whole number of blocks");
    }
    this.capacity = capacity;
    long blocks = capacity / BLOCK;
    memory = Arena.ofAuto().allocate(Math.max(1, blocks * BLOCK_BYTES), 64);
  }

  /** Whether rows of this type can be multiplied with quantised activations. */
  public static boolean suits(TensorType type) {
    return type == TensorType.Q8_0 || type == TensorType.Q4_0 || type == TensorType.Q4_1;
  }

  /** Activations that it has room for. */
  public int capacity() {
    return capacity;
  }

  /** Activations that it holds now, a multiple of 32. */
  public int length() {
    return length;
  }

  /** The whole number that stands for activation i. */
  public int quant(int i) {
    Objects.checkIndex(i, length);
    return at(i / BLOCK, i % BLOCK);
  }

  /** What the quants of a block are multiples of. */
  public float scale(int block) {
    Objects.checkIndex(block, length / BLOCK);
    return memory.get(FLOAT, (long) block * BLOCK_BYTES + SCALE_BYTES);
  }

  /** Where the blocks begin. */
  long address() {
    return memory.address();
  }

  /** A block's scale times the sum of its quants: its product with weights of 1. */
  float sum(int block) {
    return memory.get(FLOAT, (long) block * BLOCK_BYTES + SUM_BYTES);
  }

  int blocks() {
    return length / BLOCK;
  }

  private int at(int block, int k) {
    return memory.get(SHORT, (long) block * BLOCK_BYTES + 2L * k);
  }

  /** Quantises n elements in plain Java. */
  void set(float[] x, int offset, int n) {
    resize(n);
    int[] quants = new int[BLOCK];
    for (int block = 0; block < n / BLOCK; block++) {
      int from = offset + block * BLOCK;
      float most = 0;
      for (int i = from; i < from + BLOCK; i++) {
        most = Math.max(most, Math.abs(x[i]));
      }
      float scale = most / 127f;
      float inverse = inverse(scale);
      for (int i = 0; i < BLOCK; i++) {
        quants[i] = rounded(x[from + i] * inverse);
      }
      setBlock(block, scale, quants);
    }
  }

  /**
   * Sets the length before blocks are written.
   *
   * @throws IndexOutOfBoundsException if there is no room
   * @throws IllegalArgumentException if n is no multiple of 32
   */
  void resize(int n) {
    if (n % BLOCK != 0) {
      throw new IllegalArgumentException(n + " activations are no whole number of blocks of 32");
    }
    Objects.checkFromIndexSize(0, n, capacity);
    length = n;
  }

  /** 1 / scale; 0 where that overflows: such activations count as 0. */
  static float inverse(float scale) {
    return scale < 0x1p-126f ? 0f : 1f / scale;
  }

  /** Half away from zero: both steps are exact. At most 127, for x may be a little above that. */
  static int rounded(float x) {
    int whole = (int) x;
    return whole + (int) ((x - whole) * 2);
  }

  private void setBlock(int block, float scale, int[] quants) {
    long at = (long) block * BLOCK_BYTES;
    int sum = 0;
    for (int k = 0; k < LANES; k++) {
      int low = quants[k];
      int high = quants[k + LANES];
      set(at + 2L * k, low);
      set(at + HIGH_BYTES + 2L * k, high);
      set(at + UNCUT_BYTES + 2L * k, high - 16 * low);
      set(at + OFFSET_BYTES + 2L * k, -8 * (low + high));
      sum += low + high;
    }
    memory.set(FLOAT, at + SCALE_BYTES, scale);
    memory.set(FLOAT, at + SUM_BYTES, scale * sum);
  }

  private void set(long offsetBytes, int value) {
    memory.set(SHORT, offsetBytes, (short) value);
  }
}
