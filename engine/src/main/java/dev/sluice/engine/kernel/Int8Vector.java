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
 * <p>Held twice, as the products with weights want them, two blocks side by side. For Q8_0: in shorts q_0, q_2 … q_30 of both, then
 * q_(k+1) − 256 q_k for the same k (for bytes that still have their upper neighbour), and 2^15 − 128 q_k (for even bytes that are 128
 * too large, and a sum that is not to be negative); in floats the scales, and the scales times the sums of the quants
 * (a block's product with weights of 1). For nibbles, in the halves of each vector: in shorts q_2j, q_(2j+16),
 * q_(2j+1), q_(2j+17), all but the first less 16 times the one before (for nibbles that still have their upper neighbours), and −8
 * times the sum of the four (what Q4_0's offset takes away); in floats, four times each, the scale times 2^112 (for F16 scales that were
 * moved into place but not enlarged), and the scale times the sum of the quants.
 */
public final class Int8Vector {
  /** Activations that share a scale. */
  public static final int BLOCK = 32;

  /** Two blocks as Q8_0 wants them: four times what its own take, so that one counter steps through both; some of it is free. */
  static final int BLOCKS_BYTES = 272;
  static final int SECOND_BYTES = 32; // from a block's shorts to those of the next
  static final int ODD_BYTES = 64;
  static final int CORRECTION_BYTES = 128;
  static final int SCALE_BYTES = 192;
  private static final int SUM_BYTES = 200;

  /** Two blocks as nibbles want them. */
  static final int PAIR_BYTES = 224;
  static final int OFFSET_BYTES = 128;
  static final int PAIR_FACTOR_BYTES = 160;
  static final int PAIR_SUM_BYTES = 192;

  static final int LANE_BYTES = 32;
  private static final float ENLARGED = 0x1p112f;
  private static final float MOST_SCALE = 0x1p15f;

  // Loops read them in this order on any machine.
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment memory;
  private final MemorySegment pairs;
  private final int capacity;
  private final int[] quants = new int[BLOCK]; // of the block that is being written
  private int length;
  private boolean enlargeable;

  /** Room for {@code capacity} activations, a multiple of 32. */
  public Int8Vector(int capacity) {
    if (capacity < 0 || capacity % BLOCK != 0) {
      throw new IllegalArgumentException(capacity + " activations are no whole number of blocks");
    }
    this.capacity = capacity;
    long blocks = capacity / BLOCK;
    Arena arena = Arena.ofAuto();
    memory = arena.allocate(Math.max(1, (blocks + 1) / 2 * BLOCKS_BYTES), 64);
    pairs = arena.allocate(Math.max(1, (blocks + 1) / 2 * PAIR_BYTES), 64);
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
    long at = ofBytes(i / BLOCK) + (i % BLOCK & -2);
    short even = memory.get(SHORT, at);
    return (i & 1) == 0 ? even : (short) (memory.get(SHORT, at + ODD_BYTES) + 256 * even);
  }

  /** What the quants of a block are multiples of. */
  public float scale(int block) {
    Objects.checkIndex(block, length / BLOCK);
    return memory.get(FLOAT, ofFactors(block) + SCALE_BYTES);
  }

  /** Where the blocks begin as Q8_0 wants them. */
  long address() {
    return memory.address();
  }

  /** Where pairs of blocks begin as nibbles want them. */
  long pairsAddress() {
    return pairs.address();
  }

  /** Whether no scale is too large to be held 2^112 times larger. Some are if an activation is above four million, or NaN. */
  boolean isEnlargeable() {
    return enlargeable;
  }

  /** A block's scale times the sum of its quants: its product with weights of 1. */
  float sum(int block) {
    return memory.get(FLOAT, ofFactors(block) + SUM_BYTES);
  }

  int blocks() {
    return length / BLOCK;
  }

  /** Quantises n elements in plain Java; {@link VectorQuantiser} does the same. */
  void set(float[] x, int offset, int n) {
    resize(n);
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
      int sum = setBytes(block);
      setNibbles(block);
      setFactors(block, scale, scale * sum);
    }
  }

  /**
   * Sets the length and forgets earlier scales, before blocks are written.
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
    enlargeable = true;
  }

  /** Room for the quants of one block, for who writes it. */
  int[] quants() {
    return quants;
  }

  /** Where a block's halves of its pair's vectors begin as Q8_0 wants them. */
  long blockAddress(int block) {
    return memory.address() + ofBytes(block);
  }

  /** Where a block's halves of its pair's vectors begin as nibbles want them. */
  long pairAddress(int block) {
    return pairs.address() + ofPair(block);
  }

  /** 1 / scale; 0 where that overflows: such activations count as 0. */
  static float inverse(float scale) {
    return scale < 0x1p-126f ? 0f : 1f / scale;
  }

  /** Half away from zero: both steps are exact. At most 127, for x may be a little above that. */
  private static int rounded(float x) {
    int whole = (int) x;
    return whole + (int) ((x - whole) * 2);
  }

  /** Returns their sum. */
  private int setBytes(int block) {
    long at = ofBytes(block);
    int sum = 0;
    for (int k = 0; k < BLOCK; k += 2) {
      int even = quants[k];
      int odd = quants[k + 1];
      memory.set(SHORT, at + k, (short) even);
      memory.set(SHORT, at + ODD_BYTES + k, (short) (odd - 256 * even));
      memory.set(SHORT, at + CORRECTION_BYTES + k, (short) (0x8000 - 128 * even));
      sum += even + odd;
    }
    return sum;
  }

  private void setNibbles(int block) {
    long at = ofPair(block);
    for (int k = 0; k < BLOCK / 2; k += 2) {
      int first = quants[k];
      int second = quants[k + 16];
      int third = quants[k + 1];
      int fourth = quants[k + 17];
      pairs.set(SHORT, at + k, (short) first);
      pairs.set(SHORT, at + LANE_BYTES + k, (short) (second - 16 * first));
      pairs.set(SHORT, at + 2 * LANE_BYTES + k, (short) (third - 16 * second));
      pairs.set(SHORT, at + 3 * LANE_BYTES + k, (short) (fourth - 16 * third));
      pairs.set(SHORT, at + OFFSET_BYTES + k, (short) (-8 * (first + second + third + fourth)));
    }
  }

  /** Sets a block's scale, and scale times sum, in both layouts. */
  void setFactors(int block, float scale, float sum) {
    enlargeable &= scale < MOST_SCALE; // not so for NaN
    long at = ofFactors(block);
    memory.set(FLOAT, at + SCALE_BYTES, scale);
    memory.set(FLOAT, at + SUM_BYTES, sum);
    long pair = ofPair(block);
    for (int k = 0; k < LANE_BYTES / 2; k += Float.BYTES) {
      pairs.set(FLOAT, pair + PAIR_FACTOR_BYTES + k, scale * ENLARGED);
      pairs.set(FLOAT, pair + PAIR_SUM_BYTES + k, sum);
    }
  }

  private static long ofBytes(int block) {
    return (long) (block / 2) * BLOCKS_BYTES + (block % 2 == 0 ? 0 : SECOND_BYTES);
  }

  /** To which the distances of scales and sums are added. */
  private static long ofFactors(int block) {
    return (long) (block / 2) * BLOCKS_BYTES + (block % 2 == 0 ? 0 : Float.BYTES);
  }

  /** Where a block's halves of its pair's vectors begin. */
  private static long ofPair(int block) {
    return (long) (block / 2) * PAIR_BYTES + (block % 2 == 0 ? 0 : LANE_BYTES / 2);
  }
}
