package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;

import dev.sluice.storage.tensor.TensorType;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of quantised rows with int8 activations. A product of two bytes, and the sum of two, fits 16 bits (|q| ≤ 127 for
 * activations, so at most 2 · 128 · 127), hence 16 lanes of shorts take a block of 32 weights; neighbouring lanes then meet
 * in 8 ints. Nibbles go in without their high halves cut off: for a byte z = 16h + l, l·x + h·y = z·x + h·(y − 16x), modulo
 * 2^16 throughout and small in the end.
 *
 * <p>Two blocks at a time, with a sum each: the most that C2 inlines into one loop, and enough to hide the latency of one
 * addition. Reading scales by table, decoding eight of them at once or all of a row beforehand, two rows at once and vectors of
 * 512 bits all measured slower.
 */
final class VectorInt8 {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_128;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;

  /** Rows that one call of a loop takes: a call for each would be a twelfth of the time. A multiple of four. */
  private static final int ROWS_AT_ONCE = 16;

  // Where what the rows' minimums add is, behind their vectors of partial sums.
  private static final int MINIMUMS = 8 * ROWS_AT_ONCE;

  private static final long BLOCK = Int8Vector.BLOCK_BYTES;

  // What loops count by. It must not divide the bytes that their addresses go on by (2 blocks: 68, 36, 40 and 272), or C2's parallel
  // induction variables (JDK 25) replace those additions by multiplications of the counter, seven instructions of 54.
  static final int STEP = 7;

  private static final ThreadLocal<Buffers> BUFFERS = ThreadLocal.withInitial(Buffers::new);

  /** One thread's room. */
  private static final class Buffers {
    final float[] sums = new float[MINIMUMS + ROWS_AT_ONCE];
    final long[] offsets = new long[ROWS_AT_ONCE];
  }

  /** (base, offsets, the first of them, rows, activations, sums): what {@link #sum} does. */
  private static final Loops ROWS =
      new Loops(MethodHandles.lookup(), long.class, long[].class, int.class, int.class,
          Int8Vector.class, float[].class)
          .with(TensorType.Q8_0, "sum8")
          .with(TensorType.Q4_0, "sum40")
          .with(TensorType.Q4_1, "sum41");

  private VectorInt8() {}

  /** Leaves 8 partial sums of each of at most {@link #ROWS_AT_ONCE} rows, and what their minimums add behind those of all. */
  private static void sum(TensorType type, long base, long[] offsets, int first, int rows,
      Int8Vector x, float[] sums) {
    try {
      ROWS.of(type).invokeExact(base, offsets, first, rows, x, sums);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  static float dot(TensorType type, long address, Int8Vector x) {
    if (!inPairs(x)) {
      return ScalarInt8.dot(type, address, x);
    }
    Buffers buffers = BUFFERS.get();
    buffers.offsets[0] = 0;
    sum(type, address, buffers.offsets, 0, 1, x, buffers.sums);
    return total(buffers.sums, 0);
  }

  /** An odd number of blocks is rare, and the scalar twin's. */
  private static boolean inPairs(Int8Vector x) {
    return (x.blocks() & 1) == 0;
  }

  private static float total(float[] sums, int row) {
    return Lanes.fold(FloatVector.fromArray(FLOATS, sums, 8 * row)) + sums[MINIMUMS + row];
  }

  static void dots(
      TensorType type, long address, long strideBytes, int rows, Int8Vector x, float[] out, int o) {
    long[] offsets = BUFFERS.get().offsets;
    for (int r = 0; r < rows; r += ROWS_AT_ONCE) {
      int some = Math.min(ROWS_AT_ONCE, rows - r);
      for (int k = 0; k < some; k++) {
        offsets[k] = (r + k) * strideBytes;
      }
      dotsAt(type, address, offsets, 0, some, x, out, o + r);
    }
  }

  static void dotsAt(
      TensorType type, long base, long[] offsets, int first, int rows, Int8Vector x, float[] out,
      int o) {
    if (!inPairs(x)) {
      for (int r = 0; r < rows; r++) {
        out[o + r] = ScalarInt8.dot(type, base + offsets[first + r], x);
      }
      return;
    }
    float[] sums = BUFFERS.get().sums;
    for (int r = 0; r < rows; r += ROWS_AT_ONCE) {
      int some = Math.min(ROWS_AT_ONCE, rows - r);
      sum(type, base, offsets, first + r, some, x, sums);
      fold(sums, some, out, o + r);
    }
  }

  private static void fold(float[] sums, int rows, float[] out, int o) {
    int fours = rows & -4;
    for (int r = 0; r < fours; r += 4) {
      Lanes.fold4(sums, 8 * r, out, o + r, 1);
    }
    for (int r = 0; r < fours; r++) {
      out[o + r] += sums[MINIMUMS + r];
    }
    for (int r = fours; r < rows; r++) {
      out[o + r] = total(sums, r);
    }
  }

  static void sum8(long base, long[] offsets, int first, int rows, Int8Vector activations,
      float[] sums) {
    int end = STEP * (activations.blocks() / 2);
    for (int r = 0; r < rows; r++) {
      long w = base + offsets[first + r];
      long x = activations.address();
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = even;
      for (int i = 0; i < end; i += STEP) {
        long p = NativeMemory.bounded(w);
        long q = NativeMemory.bounded(x);
        even = neighbours(products8(p, q)).fma(factor(p, q), even);
        odd = neighbours(products8(p + 34, q + BLOCK)).fma(factor(p + 34, q + BLOCK), odd);
        w += 68;
        x += 2 * BLOCK;
      }
      even.add(odd).intoArray(sums, 8 * r);
      sums[MINIMUMS + r] = 0f;
    }
  }

  static void sum40(long base, long[] offsets, int first, int rows, Int8Vector activations,
      float[] sums) {
    int end = STEP * (activations.blocks() / 2);
    for (int r = 0; r < rows; r++) {
      long w = base + offsets[first + r];
      long x = activations.address();
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = even;
      for (int i = 0; i < end; i += STEP) {
        long p = NativeMemory.bounded(w);
        long q = NativeMemory.bounded(x);
        even = smallNeighbours(products40(p, q)).fma(factor(p, q), even);
        odd = smallNeighbours(products40(p + 18, q + BLOCK)).fma(factor(p + 18, q + BLOCK), odd);
        w += 36;
        x += 2 * BLOCK;
      }
      even.add(odd).intoArray(sums, 8 * r);
      sums[MINIMUMS + r] = 0f;
    }
  }

  static void sum41(long base, long[] offsets, int first, int rows, Int8Vector activations,
      float[] sums) {
    int end = STEP * (activations.blocks() / 2);
    for (int r = 0; r < rows; r++) {
      long w = base + offsets[first + r];
      long x = activations.address();
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = even;
      float evenMinimums = 0;
      float oddMinimums = 0;
      for (int i = 0; i < end; i += STEP) {
        long p = NativeMemory.bounded(w);
        long q = NativeMemory.bounded(x);
        even = smallNeighbours(products4(p + 4, q)).fma(factor(p, q), even);
        odd = smallNeighbours(products4(p + 24, q + BLOCK)).fma(factor(p + 20, q + BLOCK), odd);
        evenMinimums = Math.fma(NativeMemory.float16(p + 2),
            NativeMemory.float32(q + Int8Vector.SUM_BYTES), evenMinimums);
        oddMinimums = Math.fma(NativeMemory.float16(p + 22),
            NativeMemory.float32(q + BLOCK + Int8Vector.SUM_BYTES), oddMinimums);
        w += 40;
        x += 2 * BLOCK;
      }
      even.add(odd).intoArray(sums, 8 * r);
      sums[MINIMUMS + r] = evenMinimums + oddMinimums;
    }
  }

  private static ByteVector load(long address) {
    return ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER);
  }

  private static ShortVector signed(long address) {
    return (ShortVector) load(address).convertShape(VectorOperators.B2S, SHORTS, 0);
  }

  private static ShortVector unsigned(long address) {
    return (ShortVector) load(address).convertShape(VectorOperators.ZERO_EXTEND_B2S, SHORTS, 0);
  }

  private static ShortVector activations(long address) {
    return ShortVector.fromMemorySegment(SHORTS, NativeMemory.ALL, address, ORDER);
  }

  private static ShortVector products8(long w, long x) {
    return signed(w + 2).mul(activations(x))
        .add(signed(w + 18).mul(activations(x + Int8Vector.HIGH_BYTES)));
  }

  /** Products of 32 nibbles from their first byte. */
  private static ShortVector products4(long w, long x) {
    ShortVector z = unsigned(w);
    return z.mul(activations(x))
        .add(z.lanewise(VectorOperators.LSHR, 4).mul(activations(x + Int8Vector.UNCUT_BYTES)));
  }

  private static ShortVector products40(long w, long x) {
    return products4(w + 2, x).add(activations(x + Int8Vector.OFFSET_BYTES));
  }

  private static FloatVector neighbours(ShortVector v) {
    IntVector both = v.reinterpretAsInts();
    IntVector low = both.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16);
    return (FloatVector) low.add(both.lanewise(VectorOperators.ASHR, 16))
        .convert(VectorOperators.I2F, 0);
  }

  /** Sums of neighbours that fit 16 bits: a multiplication adds the lower half to the upper one. */
  private static FloatVector smallNeighbours(ShortVector v) {
    return (FloatVector) v.reinterpretAsInts().mul(0x10001).lanewise(VectorOperators.ASHR, 16)
        .convert(VectorOperators.I2F, 0);
  }

  private static FloatVector factor(long w, long x) {
    return FloatVector.broadcast(FLOATS,
        NativeMemory.float16(w) * NativeMemory.float32(x + Int8Vector.SCALE_BYTES));
  }
}
