package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.INTS;
import static dev.sluice.engine.kernel.Lanes.WIDE_FLOATS;
import static dev.sluice.engine.kernel.NativeMemory.ALL;
import static dev.sluice.engine.kernel.NativeMemory.FLOAT;
import static dev.sluice.engine.kernel.NativeMemory.INT;
import static dev.sluice.engine.kernel.NativeMemory.SHORT;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;

import dev.sluice.storage.tensor.TensorType;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import java.util.Map;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of quantised rows with int8 activations. A product of two bytes, and the sum of two, fits 16 bits (|q| ≤ 127 for
 * activations, so at most 2 · 128 · 127), hence 16 lanes of shorts take a block of 32 bytes; neighbouring lanes then meet in 8 ints.
 * Shorts are loaded as they lie, two bytes or four nibbles in each, and shifted to bring the upper ones down, not cut: for 256h + l, l · x
 * + h · y = (256h + l) · x + h · (y − 256x), modulo 2^16 throughout and small in the end. Widening bytes to shorts would be fewer
 * instructions, but it takes them across the halves of a vector, which costs processors without AVX-512 twice as much where the
 * bytes are not widened while being loaded, and Java's compiler has no such loads.
 *
 * <p>A block of Q8_0 is summed as numbers that are not negative: 128 is added to its lower bytes and 2^15 to each sum of two, which the
 * activations' own corrections and one subtraction of floats take away again.
 *
 * <p>Scales of nibbles are moved into place as ints, 2^112 times too small, which activation scales make up for. Those of Q8_0 are
 * converted one by one: they are sixteen times smaller for the same weights, and below 2^-14 such a product takes twice the time.
 *
 * <p>Two blocks at a time, in a vector of 512 bits where there are such: one was slower, and with four vectors leave the registers. Two rows at once and scales of a row
 * decoded beforehand measured slower too (docs/kernels.md).
 */
final class VectorInt8 {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
  private static final VectorMask<Short> UPPER_SHORTS = VectorMask.fromLong(SHORTS, 0xaaaa);
  private static final VectorSpecies<Short> WIDE_SHORTS = ShortVector.SPECIES_512;
  private static final VectorMask<Short> WIDE_UPPER_SHORTS =
      VectorMask.fromLong(WIDE_SHORTS, 0xaaaa_aaaaL);
  private static final VectorMask<Short> SECOND_SHORTS =
      VectorMask.fromLong(WIDE_SHORTS, 0xffff_0000L);
  private static final VectorMask<Float> SECOND_FLOATS = VectorMask.fromLong(WIDE_FLOATS, 0xff00);
  private static final VectorMask<Integer> UPPER = VectorMask.fromLong(INTS, 0b11110000);

  /** Rows that one call of a loop takes: a call for each would be a twelfth of the time. A multiple of four. */
  private static final int ROWS_AT_ONCE = 16;

  // Where the vectors are of what the rows' minimums add, behind those of partial sums.
  private static final int MINIMUMS = 8 * ROWS_AT_ONCE;

  // Where a vector of 16 waits until its halves are added, behind those.
  private static final int WIDE_SUM = 2 * MINIMUMS;

  // Where activations are held, in bytes.
  private static final long SECOND = Int8Vector.SECOND_BYTES;
  private static final long ODD = Int8Vector.ODD_BYTES;
  private static final long SCALE = Int8Vector.SCALE_BYTES;
  private static final long CORRECTION = Int8Vector.CORRECTION_BYTES;
  private static final long PAIR = Int8Vector.PAIR_BYTES;
  private static final long OFFSET = Int8Vector.OFFSET_BYTES;
  private static final long PAIR_FACTOR = Int8Vector.PAIR_FACTOR_BYTES;
  private static final long PAIR_SUM = Int8Vector.PAIR_SUM_BYTES;

  private static final ThreadLocal<Buffers> BUFFERS = ThreadLocal.withInitial(Buffers::new);

  /** One thread's room. */
  private static final class Buffers {
    final float[] sums = new float[WIDE_SUM + 16];
    final long[] offsets = new long[ROWS_AT_ONCE];
  }

  /** (base, offsets, the first of them, rows, address of activations, their blocks, sums): what {@link #sum} does. */
  private static final Loops ROWS =
      new Loops(MethodHandles.lookup(), long.class, long[].class, int.class, int.class,
          long.class, int.class, float[].class)
          .with(TensorType.Q8_0, Lanes.WIDE ? "wide8" : "sum8")
          .with(TensorType.Q4_0, "sum40")
          .with(TensorType.Q4_1, "sum41");

  private static final Map<TensorType, TouchTrial> TRIALS = TouchTrial.ofEachType();

  private VectorInt8() {}

  /** Leaves 8 partial sums of each of at most {@link #ROWS_AT_ONCE} rows, and a vector of what their minimums add behind those of all. */
  private static void sum(TensorType type, long base, long[] offsets, int first, int rows,
      Int8Vector x, float[] sums) {
    try {
      long activations = type == TensorType.Q8_0 ? x.address() : x.pairsAddress();
      ROWS.of(type).invokeExact(base, offsets, first, rows, activations, x.blocks(), sums);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  static float dot(TensorType type, long address, Int8Vector x) {
    if (!suits(type, x)) {
      return ScalarInt8.dot(type, address, x);
    }
    Buffers buffers = BUFFERS.get();
    buffers.offsets[0] = 0;
    sum(type, address, buffers.offsets, 0, 1, x, buffers.sums);
    return total(type, buffers.sums, 0);
  }

  /** An odd number of blocks is rare, and so are nibbles with activations of millions; they are the scalar twin's. */
  private static boolean suits(TensorType type, Int8Vector x) {
    return (x.blocks() & 1) == 0 && (type == TensorType.Q8_0 || x.isEnlargeable());
  }

  private static float total(TensorType type, float[] sums, int row) {
    return Lanes.fold(FloatVector.fromArray(FLOATS, sums, 8 * row)) + minimums(type, sums, row);
  }

  private static float minimums(TensorType type, float[] sums, int row) {
    int at = MINIMUMS + 8 * row; // of even blocks in all of the lower half, of odd ones in the upper
    return type == TensorType.Q4_1 ? sums[at] + sums[at + 4] : 0f;
  }

  static void dots(
      TensorType type, long address, long strideBytes, int rows, Int8Vector x, float[] out, int o) {
    long[] offsets = BUFFERS.get().offsets;
    long rowBytes = type.bytes(x.length());
    TouchTrial trial = TRIALS.get(type);
    long bytes = rows * strideBytes;
    TouchTrial.Way way = trial.way(bytes);
    long start = System.nanoTime();
    int together = way == TouchTrial.Way.PLAIN ? ROWS_AT_ONCE
        : (int) Math.clamp(TouchTrial.STRETCH_BYTES / rowBytes, 1, ROWS_AT_ONCE);
    for (int r = 0; r < rows; r += together) {
      int some = Math.min(together, rows - r);
      for (int k = 0; k < some; k++) {
        offsets[k] = (r + k) * strideBytes;
      }
      if (way == TouchTrial.Way.TOUCHED) {
        CacheLines.touch(address + offsets[0], offsets[some - 1] - offsets[0] + rowBytes);
      }
      dotsAt(type, address, offsets, 0, some, x, out, o + r);
    }
    trial.took(way, bytes, start);
  }

  static void dotsAt(
      TensorType type, long base, long[] offsets, int first, int rows, Int8Vector x, float[] out,
      int o) {
    if (!suits(type, x)) {
      for (int r = 0; r < rows; r++) {
        out[o + r] = ScalarInt8.dot(type, base + offsets[first + r], x);
      }
      return;
    }
    float[] sums = BUFFERS.get().sums;
    for (int r = 0; r < rows; r += ROWS_AT_ONCE) {
      int some = Math.min(ROWS_AT_ONCE, rows - r);
      sum(type, base, offsets, first + r, some, x, sums);
      fold(type, sums, some, out, o + r);
    }
  }

  private static void fold(TensorType type, float[] sums, int rows, float[] out, int o) {
    int fours = rows & -4;
    for (int r = 0; r < fours; r += 4) {
      Lanes.fold4(sums, 8 * r, out, o + r, 1);
    }
    for (int r = 0; r < fours; r++) {
      out[o + r] += minimums(type, sums, r);
    }
    for (int r = fours; r < rows; r++) {
      out[o + r] = total(type, sums, r);
    }
  }

  // Loops are written out but for what they begin with: C2 goes on inlining what the JDK tells it to inline, but nothing of ours once a
  // method has 18,000 nodes, which is about here, and then boxes every vector that crosses the call.

  static void sum8(long base, long[] offsets, int first, int rows, long activations, int blocks,
      float[] sums) {
    ShortVector sign = ShortVector.broadcast(SHORTS, (short) 0x80);
    ShortVector exponent = ShortVector.broadcast(SHORTS, (short) 0x4b00);
    FloatVector bias = FloatVector.broadcast(FLOATS, 0x1p23f + 0x1p16f);
    long x = NativeMemory.bounded(activations);
    int end = 34 * blocks;
    for (int r = 0; r < rows; r++) {
      long w = NativeMemory.bounded(base + offsets[first + r]);
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = even;
      // One counter for both addresses, which are 68 and 272 bytes a pair: six instructions fewer than two that are added to.
      for (int i = 0; i < end; i += 68) {
        long p = w + i;
        long q = x + 4L * i;
        // The exclusive or makes the lower byte, whose sign is not the short's, 128 larger and never negative.
        ShortVector z = ShortVector.fromMemorySegment(SHORTS, ALL, p + 2, ORDER);
        ShortVector v = z.lanewise(XOR, sign)
            .mul(ShortVector.fromMemorySegment(SHORTS, ALL, q, ORDER))
            .add(z.lanewise(ASHR, 8)
                .mul(ShortVector.fromMemorySegment(SHORTS, ALL, q + ODD, ORDER)))
            .add(ShortVector.fromMemorySegment(SHORTS, ALL, q + CORRECTION, ORDER));
        float factor = Float.float16ToFloat(ALL.get(SHORT, p)) * ALL.get(FLOAT, q + SCALE);
        // The lower sum in the fraction of 2^23, to which the upper one is added as an int: exact, and two shifts fewer than widening both.
        even = v.blend(exponent, UPPER_SHORTS).reinterpretAsInts()
            .add(v.reinterpretAsInts().lanewise(LSHR, 16)).reinterpretAsFloats().sub(bias)
            .fma(FloatVector.broadcast(FLOATS, factor), even);
        z = ShortVector.fromMemorySegment(SHORTS, ALL, p + 36, ORDER);
        v = z.lanewise(XOR, sign)
            .mul(ShortVector.fromMemorySegment(SHORTS, ALL, q + SECOND, ORDER))
            .add(z.lanewise(ASHR, 8)
                .mul(ShortVector.fromMemorySegment(SHORTS, ALL, q + SECOND + ODD, ORDER)))
            .add(ShortVector.fromMemorySegment(SHORTS, ALL, q + SECOND + CORRECTION, ORDER));
        factor =
            Float.float16ToFloat(ALL.get(SHORT, p + 34)) * ALL.get(FLOAT, q + SCALE + Float.BYTES);
        odd = v.blend(exponent, UPPER_SHORTS).reinterpretAsInts()
            .add(v.reinterpretAsInts().lanewise(LSHR, 16)).reinterpretAsFloats().sub(bias)
            .fma(FloatVector.broadcast(FLOATS, factor), odd);
      }
      even.add(odd).intoArray(sums, 8 * r);
    }
  }

  /**
   * Both blocks of a pair in one vector: two thirds of the instructions. On an Intel Xeon that was no faster from L2, but from DRAM, since that processor asks
   * for few lines ahead: it waits with as many as it has instructions in flight.
   */
  static void wide8(long base, long[] offsets, int first, int rows, long activations, int blocks,
      float[] sums) {
    ShortVector sign = ShortVector.broadcast(WIDE_SHORTS, (short) 0x80);
    ShortVector exponent = ShortVector.broadcast(WIDE_SHORTS, (short) 0x4b00);
    FloatVector bias = FloatVector.broadcast(WIDE_FLOATS, 0x1p23f + 0x1p16f);
    long x = NativeMemory.bounded(activations);
    int end = 34 * blocks;
    for (int r = 0; r < rows; r++) {
      long w = NativeMemory.bounded(base + offsets[first + r]);
      FloatVector sum = FloatVector.zero(WIDE_FLOATS);
      for (int i = 0; i < end; i += 68) {
        long p = w + i;
        long q = x + 4L * i;
        // The second block lies behind its scale: its half comes from two bytes further on.
        ShortVector z = ShortVector.fromMemorySegment(WIDE_SHORTS, ALL, p + 2, ORDER)
            .blend(ShortVector.fromMemorySegment(WIDE_SHORTS, ALL, p + 4, ORDER), SECOND_SHORTS);
        ShortVector v = z.lanewise(XOR, sign)
            .mul(ShortVector.fromMemorySegment(WIDE_SHORTS, ALL, q, ORDER))
            .add(z.lanewise(ASHR, 8)
                .mul(ShortVector.fromMemorySegment(WIDE_SHORTS, ALL, q + ODD, ORDER)))
            .add(ShortVector.fromMemorySegment(WIDE_SHORTS, ALL, q + CORRECTION, ORDER));
        FloatVector factor = FloatVector.broadcast(WIDE_FLOATS,
            Float.float16ToFloat(ALL.get(SHORT, p)) * ALL.get(FLOAT, q + SCALE))
            .blend(
                FloatVector.broadcast(WIDE_FLOATS,
                    Float.float16ToFloat(ALL.get(SHORT, p + 34))
                        * ALL.get(FLOAT, q + SCALE + Float.BYTES)),
                SECOND_FLOATS);
        sum = v.blend(exponent, WIDE_UPPER_SHORTS).reinterpretAsInts()
            .add(v.reinterpretAsInts().lanewise(LSHR, 16)).reinterpretAsFloats().sub(bias)
            .fma(factor, sum);
      }
      sum.intoArray(sums, WIDE_SUM);
      FloatVector.fromArray(FLOATS, sums, WIDE_SUM)
          .add(FloatVector.fromArray(FLOATS, sums, WIDE_SUM + 8)).intoArray(sums, 8 * r);
    }
  }

  static void sum40(long base, long[] offsets, int first, int rows, long activations, int blocks,
      float[] sums) {
    IntVector half = IntVector.broadcast(INTS, VectorQuants.HALF);
    int end = 18 * blocks;
    for (int r = 0; r < rows; r++) {
      long w = NativeMemory.bounded(base + offsets[first + r]);
      long x = activations;
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = even;
      for (int i = 0; i < end; i += 36) {
        long p = w + i;
        long q = NativeMemory.bounded(x);
        IntVector v = products4(p + 2, p + 4, q)
            .add(ShortVector.fromMemorySegment(SHORTS, ALL, q + OFFSET, ORDER))
            .reinterpretAsInts();
        FloatVector factor = ShortVector.broadcast(SHORTS, ALL.get(SHORT, p)).reinterpretAsInts()
            .blend(ShortVector.broadcast(SHORTS, ALL.get(SHORT, p + 18)).reinterpretAsInts(), UPPER)
            .lanewise(ASHR, 3).and(half).reinterpretAsFloats()
            .mul(FloatVector.fromMemorySegment(FLOATS, ALL, q + PAIR_FACTOR, ORDER));
        even = ((FloatVector) v.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
            .fma(factor, even);
        odd = ((FloatVector) v.lanewise(ASHR, 16).convert(I2F, 0)).fma(factor, odd);
        x += PAIR;
      }
      even.add(odd).intoArray(sums, 8 * r);
    }
  }

  static void sum41(long base, long[] offsets, int first, int rows, long activations, int blocks,
      float[] sums) {
    IntVector half = IntVector.broadcast(INTS, VectorQuants.HALF);
    FloatVector enlarge = FloatVector.broadcast(FLOATS, 0x1p112f);
    int end = 20 * blocks;
    for (int r = 0; r < rows; r++) {
      long w = NativeMemory.bounded(base + offsets[first + r]);
      long x = activations;
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = even;
      FloatVector minimums = even;
      for (int i = 0; i < end; i += 40) {
        long p = w + i;
        long q = NativeMemory.bounded(x);
        IntVector v = products4(p + 4, p + 8, q)
            .reinterpretAsInts();
        // A block begins with its scale and its minimum: the lower and the upper half of an int.
        IntVector heads = IntVector.broadcast(INTS, ALL.get(INT, p))
            .blend(IntVector.broadcast(INTS, ALL.get(INT, p + 20)), UPPER);
        FloatVector factor = heads.lanewise(LSHL, 16).lanewise(ASHR, 3).and(half)
            .reinterpretAsFloats()
            .mul(FloatVector.fromMemorySegment(FLOATS, ALL, q + PAIR_FACTOR, ORDER));
        even = ((FloatVector) v.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
            .fma(factor, even);
        odd = ((FloatVector) v.lanewise(ASHR, 16).convert(I2F, 0)).fma(factor, odd);
        minimums = heads.lanewise(ASHR, 3).and(half).reinterpretAsFloats().mul(enlarge)
            .fma(FloatVector.fromMemorySegment(FLOATS, ALL, q + PAIR_SUM, ORDER), minimums);
        x += PAIR;
      }
      even.add(odd).intoArray(sums, 8 * r);
      minimums.intoArray(sums, MINIMUMS + 8 * r);
    }
  }

  /** Of the 32 nibbles from {@code first}, and in the upper half of those that begin 16 bytes after {@code second}. */
  private static ShortVector products4(long first, long second, long x) {
    ShortVector z = IntVector.fromMemorySegment(INTS, ALL, first, ORDER)
        .blend(IntVector.fromMemorySegment(INTS, ALL, second, ORDER), UPPER).reinterpretAsShorts();
    return z.mul(ShortVector.fromMemorySegment(SHORTS, ALL, x, ORDER))
        .add(z.lanewise(LSHR, 4).mul(ShortVector.fromMemorySegment(SHORTS, ALL, x + 32, ORDER)))
        .add(z.lanewise(LSHR, 8).mul(ShortVector.fromMemorySegment(SHORTS, ALL, x + 64, ORDER)))
        .add(z.lanewise(LSHR, 12).mul(ShortVector.fromMemorySegment(SHORTS, ALL, x + 96, ORDER)));
  }
}
