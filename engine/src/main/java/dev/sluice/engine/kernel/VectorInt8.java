package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;

import dev.sluice.storage.tensor.TensorType;
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

  private VectorInt8() {}

  /** Leaves a row's 8 partial sums at {@code sums[8 · place]} and what its minimums add behind those of four rows. */
  private static void sum(
      TensorType type, long address, long x, Int8Vector v, float[] sums, int place) {
    long w = NativeMemory.bounded(address);
    int blocks = v.blocks();
    float[] scales = v.scales();
    switch (type) {
      case Q8_0 -> sum8(w, x, scales, blocks, sums, 8 * place);
      case Q4_0 -> sum40(w, x, scales, blocks, sums, 8 * place);
      case Q4_1 -> sum41(w, x, scales, blocks, sums, 8 * place);
      default -> throw new IllegalArgumentException(type + " has no int8 products");
    }
    sums[MINIMUMS + place] = type == TensorType.Q4_1 ? minimums(w, v.sums(), blocks) : 0f;
  }

  static float dot(TensorType type, long address, Int8Vector x) {
    float[] sums = Lanes.scratch();
    sum(type, address, NativeMemory.bounded(x.address()), x, sums, 0);
    return total(sums, 0);
  }

  private static float total(float[] sums, int place) {
    return Lanes.fold(FloatVector.fromArray(FLOATS, sums, 8 * place)) + sums[MINIMUMS + place];
  }

  static void dots(
      TensorType type, long address, long strideBytes, int rows, Int8Vector x, float[] out, int o) {
    float[] sums = Lanes.scratch();
    long xs = NativeMemory.bounded(x.address());
    for (int r = 0; r < rows; r += 4) {
      int some = Math.min(4, rows - r);
      for (int k = 0; k < some; k++) {
        sum(type, address + (r + k) * strideBytes, xs, x, sums, k);
      }
      fold(sums, some, out, o + r);
    }
  }

  static void dotsAt(
      TensorType type, long base, long[] offsets, int first, int rows, Int8Vector x, float[] out,
      int o) {
    float[] sums = Lanes.scratch();
    long xs = NativeMemory.bounded(x.address());
    for (int r = 0; r < rows; r += 4) {
      int some = Math.min(4, rows - r);
      for (int k = 0; k < some; k++) {
        sum(type, base + offsets[first + r + k], xs, x, sums, k);
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

  private static void sum8(long w, long x, float[] scales, int blocks, float[] sums, int at) {
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    int pairs = blocks & -2;
    for (int b = 0; b < pairs; b += 2) {
      long p = w + 34L * b;
      long q = x + 128L * b;
      even = neighbours(products8(p, q)).fma(factor(p, scales[b]), even);
      odd = neighbours(products8(p + 34, q + 128)).fma(factor(p + 34, scales[b + 1]), odd);
    }
    if (pairs < blocks) {
      long p = w + 34L * pairs;
      even = neighbours(products8(p, x + 128L * pairs)).fma(factor(p, scales[pairs]), even);
    }
    even.add(odd).intoArray(sums, at);
  }

  private static void sum40(long w, long x, float[] scales, int blocks, float[] sums, int at) {
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    int pairs = blocks & -2;
    for (int b = 0; b < pairs; b += 2) {
      long p = w + 18L * b;
      long q = x + 128L * b;
      even = smallNeighbours(products40(p, q)).fma(factor(p, scales[b]), even);
      odd = smallNeighbours(products40(p + 18, q + 128)).fma(factor(p + 18, scales[b + 1]), odd);
    }
    even.add(odd).intoArray(sums, at);
    if (pairs < blocks) {
      last(products40(w + 18L * pairs, x + 128L * pairs), w + 18L * pairs, scales[pairs], even, odd,
          sums, at);
    }
  }

  private static void sum41(long w, long x, float[] scales, int blocks, float[] sums, int at) {
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = even;
    int pairs = blocks & -2;
    for (int b = 0; b < pairs; b += 2) {
      long p = w + 20L * b;
      long q = x + 128L * b;
      even = smallNeighbours(products4(p + 4, q)).fma(factor(p, scales[b]), even);
      odd = smallNeighbours(products4(p + 24, q + 128)).fma(factor(p + 20, scales[b + 1]), odd);
    }
    even.add(odd).intoArray(sums, at);
    if (pairs < blocks) {
      last(products4(w + 20L * pairs + 4, x + 128L * pairs), w + 20L * pairs, scales[pairs], even,
          odd, sums, at);
    }
  }

  /** The last of an odd number of blocks of nibbles. */
  private static void last(
      ShortVector products, long w, float scale, FloatVector even, FloatVector odd, float[] sums,
      int at) {
    smallNeighbours(products).fma(factor(w, scale), even).add(odd).intoArray(sums, at);
  }

  /** What Q4_1's minimums add. */
  private static float minimums(long w, float[] xSums, int blocks) {
    float even = 0;
    float odd = 0;
    int pairs = blocks & -2;
    for (int b = 0; b < pairs; b += 2) {
      even = Math.fma(NativeMemory.float16(w + 20L * b + 2), xSums[b], even);
      odd = Math.fma(NativeMemory.float16(w + 20L * b + 22), xSums[b + 1], odd);
    }
    if (pairs < blocks) {
      even = Math.fma(NativeMemory.float16(w + 20L * pairs + 2), xSums[pairs], even);
    }
    return even + odd;
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
