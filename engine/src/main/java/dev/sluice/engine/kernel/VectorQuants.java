package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.INTS;

import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Quantised weights at checked native addresses as exact float32 vectors, and loops over them. Q8_0 and Q4_0: scale · q
 * has at most 19 significant bits. Lengths are whole numbers of blocks, and multiples of 16, here.
 */
final class VectorQuants {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_64;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_128;

  private VectorQuants() {}

  /** Eight signed bytes. */
  static IntVector signed(long address) {
    return (IntVector) ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER)
        .convertShape(VectorOperators.B2I, INTS, 0);
  }

  /** Eight unsigned bytes. */
  static IntVector unsigned(long address) {
    return (IntVector) ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER)
        .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
  }

  /** Eight signed bytes as floats. */
  static FloatVector bytes(long address) {
    return toFloats(signed(address));
  }

  /** The low nibbles of unsigned bytes as floats. */
  static FloatVector low(IntVector bytes) {
    return toFloats(bytes.and(15));
  }

  /** The high nibbles of unsigned bytes as floats. */
  static FloatVector high(IntVector bytes) {
    return toFloats(bytes.lanewise(VectorOperators.LSHR, 4));
  }

  private static FloatVector toFloats(IntVector values) {
    return (FloatVector) values.convert(VectorOperators.I2F, 0);
  }

  /** Eight F16 values in natural order. */
  static FloatVector halves(long address) {
    IntVector bits =
        (IntVector) ShortVector.fromMemorySegment(SHORTS, NativeMemory.ALL, address, ORDER)
            .convertShape(VectorOperators.S2I, INTS, 0);
    return VectorRows.evens(bits, 3, 0x8fffe000, 0x1p112f);
  }

  /** The F16 scale at an address in all lanes. */
  static FloatVector scale(long address) {
    return FloatVector.broadcast(FLOATS, NativeMemory.float16(address));
  }

  static float dot8(long w, float[] x, int xo, int n) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 32, w += 34) {
      FloatVector d = scale(w);
      low = bytes(w + 2).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = bytes(w + 10).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
      low = bytes(w + 18).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i + 16), low);
      high = bytes(w + 26).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i + 24), high);
    }
    return Lanes.fold(low.add(high));
  }

  /** Nibbles minus 8, in sign-extended bytes: 8 of Q4_0 is 0. */
  private static IntVector centred(long address) {
    return (IntVector) ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER)
        .lanewise(VectorOperators.XOR, (byte) 0x88)
        .convertShape(VectorOperators.B2I, INTS, 0);
  }

  /** 2^28 times the low nibbles of centred bytes. */
  private static FloatVector centredLow(IntVector bytes) {
    return toFloats(bytes.lanewise(VectorOperators.LSHL, 28));
  }

  private static FloatVector centredHigh(IntVector bytes) {
    return toFloats(bytes.lanewise(VectorOperators.ASHR, 4));
  }

  static float dot40(long w, float[] x, int xo, int n) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 32, w += 18) {
      FloatVector d = scale(w);
      FloatVector e = d.mul(0x1p-28f);
      IntVector p = centred(w + 2);
      IntVector q = centred(w + 10);
      low = centredLow(p).mul(e).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = centredLow(q).mul(e).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
      low = centredHigh(p).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i + 16), low);
      high = centredHigh(q).mul(d).fma(FloatVector.fromArray(FLOATS, x, xo + i + 24), high);
    }
    return Lanes.fold(low.add(high));
  }

  static float dot41(long w, float[] x, int xo, int n) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 32, w += 20) {
      FloatVector d = scale(w);
      FloatVector m = scale(w + 2);
      IntVector p = unsigned(w + 4);
      IntVector q = unsigned(w + 12);
      low = low(p).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = low(q).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
      low = high(p).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i + 16), low);
      high = high(q).fma(d, m).fma(FloatVector.fromArray(FLOATS, x, xo + i + 24), high);
    }
    return Lanes.fold(low.add(high));
  }

  static void widen8(long w, float[] row, int ro, int n) {
    for (int i = 0; i < n; i += 32, w += 34) {
      FloatVector d = scale(w);
      for (int k = 0; k < 32; k += 8) {
        bytes(w + 2 + k).mul(d).intoArray(row, ro + i + k);
      }
    }
  }

  static void widen40(long w, float[] row, int ro, int n) {
    for (int i = 0; i < n; i += 32, w += 18) {
      FloatVector d = scale(w);
      FloatVector e = d.mul(0x1p-28f);
      for (int k = 0; k < 16; k += 8) {
        IntVector p = centred(w + 2 + k);
        centredLow(p).mul(e).intoArray(row, ro + i + k);
        centredHigh(p).mul(d).intoArray(row, ro + i + 16 + k);
      }
    }
  }

  static void widen41(long w, float[] row, int ro, int n) {
    for (int i = 0; i < n; i += 32, w += 20) {
      FloatVector d = scale(w);
      FloatVector m = scale(w + 2);
      for (int k = 0; k < 16; k += 8) {
        IntVector p = unsigned(w + 4 + k);
        low(p).fma(d, m).intoArray(row, ro + i + k);
        high(p).fma(d, m).intoArray(row, ro + i + 16 + k);
      }
    }
  }

  static void widenBytes(long w, float[] row, int ro, int n) {
    for (int i = 0; i < n; i += 8) {
      bytes(w + i).intoArray(row, ro + i);
    }
  }

  static void widenNibbles(long w, float[] row, int ro, int n) {
    for (int i = 0; i < n; i += 16) {
      IntVector p = unsigned(w + (i >> 1));
      low(p).intoArray(row, ro + i);
      high(p).intoArray(row, ro + i + 8);
    }
  }

  static void axpy8(float a, long w, float[] y, int yo, int n) {
    FloatVector b = FloatVector.broadcast(FLOATS, a);
    for (int i = 0; i < n; i += 32, w += 34) {
      FloatVector d = scale(w);
      for (int k = 0; k < 32; k += 8) {
        FloatVector s = FloatVector.fromArray(FLOATS, y, yo + i + k);
        bytes(w + 2 + k).mul(d).fma(b, s).add(0f).intoArray(y, yo + i + k);
      }
    }
  }

  static void axpyBytes(float a, long w, float[] y, int yo, int n) {
    FloatVector b = FloatVector.broadcast(FLOATS, a);
    for (int i = 0; i < n; i += 8) {
      bytes(w + i).fma(b, FloatVector.fromArray(FLOATS, y, yo + i)).add(0f).intoArray(y, yo + i);
    }
  }

  static void axpyNibbles(float a, long w, float[] y, int yo, int n) {
    FloatVector b = FloatVector.broadcast(FLOATS, a);
    for (int i = 0; i < n; i += 16) {
      IntVector p = unsigned(w + (i >> 1));
      FloatVector even = FloatVector.fromArray(FLOATS, y, yo + i);
      low(p).fma(b, even).add(0f).intoArray(y, yo + i);
      FloatVector odd = FloatVector.fromArray(FLOATS, y, yo + i + 8);
      high(p).fma(b, odd).add(0f).intoArray(y, yo + i + 8);
    }
  }
}
