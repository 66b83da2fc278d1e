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
 * addition. Reading scales by table, decoding eight of them at once, and two rows at once all measured slower.
 */
final class VectorInt8 {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_128;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;

  // Where the minimums of four rows are, behind their four vectors of partial sums.
  private static final int MINIMUMS = 32;

  /** (address, activations, sums, place): what {@link #sum} does. */
  private static final Loops ONE =
      new Loops(MethodHandles.lookup(), long.class, Int8Vector.class, float[].class, int.class)
          .with(TensorType.Q8_0, "sum8")
          .with(TensorType.Q4_0, "sum40")
          .with(TensorType.Q4_1, "sum41");

  private VectorInt8() {}

  /** Leaves a row's 8 partial sums at {@code sums[8 · place]} and what its minimums add behind those of four rows. */
  private static void sum(TensorType type, long address, Int8Vector x, float[] sums, int place) {
    try {
      ONE.of(type).invokeExact(address, x, sums, place);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  static float dot(TensorType type, long address, Int8Vector x) {
    if (!inPairs(x)) {
      return ScalarInt8.dot(type, address, x);
    }
    float[] sums = Lanes.scratch();
    sum(type, address, x, sums, 0);
    return total(sums, 0);
  }

  /** An odd number of blocks is rare, and the scalar twin's. */
  private static boolean inPairs(Int8Vector x) {
    return (x.blocks() & 1) == 0;
  }

  private static float total(float[] sums, int place) {
    return Lanes.fold(FloatVector.fromArray(FLOATS, sums, 8 * place)) + sums[MINIMUMS + place];
  }

  static void dots(
      TensorType type, long address, long strideBytes, int rows, Int8Vector x, float[] out, int o) {
    if (!inPairs(x)) {
      for (int r = 0; r < rows; r++) {
        out[o + r] = ScalarInt8.dot(type, address + r * strideBytes, x);
      }
      return;
    }
    float[] sums = Lanes.scratch();
    for (int r = 0; r < rows; r += 4) {
      int some = Math.min(4, rows - r);
      for (int k = 0; k < some; k++) {
        sum(type, address + (r + k) * strideBytes, x, sums, k);
      }
      fold(sums, some, out, o + r);
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
    float[] sums = Lanes.scratch();
    for (int r = 0; r < rows; r += 4) {
      int some = Math.min(4, rows - r);
      for (int k = 0; k < some; k++) {
        sum(type, base + offsets[first + r + k], x, sums, k);
      }
      fold(sums, some, out, o + r);
    }
  }

  private static void fold(float[] sums, int some, float[] out, int o) {
    if (some == 4) {
      Lanes.fold4(sums, 0, out, o, 1);
      for (int k = 0; k < 4; k++) {
        out[o + k] += sums[MINIMUMS + k];
      }
    } else {
      for (int k = 0; k < some; k++) {
        out[o + k] = total(sums, k);
      }
    }
  }

  static void sum8(long address, Int8Vector activations, float[] sums, int place) {
    long w = NativeMemory.bounded(address);
    long x = NativeMemory.bounded(activations.address());
    float[] scales = activations.scales();
    int blocks = activations.blocks();
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    for (int b = 0; b < blocks; b += 2) {
      long p = w + 34L * b;
      long q = x + 128L * b;
      even = neighbours(products8(p, q)).fma(factor(p, scales[b]), even);
      odd = neighbours(products8(p + 34, q + 128)).fma(factor(p + 34, scales[b + 1]), odd);
    }
    even.add(odd).intoArray(sums, 8 * place);
    sums[MINIMUMS + place] = 0f;
  }

  static void sum40(long address, Int8Vector activations, float[] sums, int place) {
    long w = NativeMemory.bounded(address);
    long x = NativeMemory.bounded(activations.address());
    float[] scales = activations.scales();
    int blocks = activations.blocks();
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    for (int b = 0; b < blocks; b += 2) {
      long p = w + 18L * b;
      long q = x + 128L * b;
      even = smallNeighbours(products40(p, q)).fma(factor(p, scales[b]), even);
      odd = smallNeighbours(products40(p + 18, q + 128)).fma(factor(p + 18, scales[b + 1]), odd);
    }
    even.add(odd).intoArray(sums, 8 * place);
    sums[MINIMUMS + place] = 0f;
  }

  static void sum41(long address, Int8Vector activations, float[] sums, int place) {
    long w = NativeMemory.bounded(address);
    long x = NativeMemory.bounded(activations.address());
    float[] scales = activations.scales();
    float[] xSums = activations.sums();
    int blocks = activations.blocks();
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    float evenMinimums = 0;
    float oddMinimums = 0;
    for (int b = 0; b < blocks; b += 2) {
      long p = w + 20L * b;
      long q = x + 128L * b;
      even = smallNeighbours(products4(p + 4, q)).fma(factor(p, scales[b]), even);
      odd = smallNeighbours(products4(p + 24, q + 128)).fma(factor(p + 20, scales[b + 1]), odd);
      evenMinimums = Math.fma(NativeMemory.float16(p + 2), xSums[b], evenMinimums);
      oddMinimums = Math.fma(NativeMemory.float16(p + 22), xSums[b + 1], oddMinimums);
    }
    sums[MINIMUMS + place] = evenMinimums + oddMinimums;
    even.add(odd).intoArray(sums, 8 * place);
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

  private static FloatVector factor(long address, float scale) {
    return FloatVector.broadcast(FLOATS, NativeMemory.float16(address) * scale);
  }
}
