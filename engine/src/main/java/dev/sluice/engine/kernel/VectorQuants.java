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
 * Quantised weights at checked native addresses as exact float32 vectors: scale · q has at most 19 significant bits in Q8_0
 * and Q4_0.
 */
final class VectorQuants {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_64;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_128;

  static final int TOP_BYTE = 0xff000000;

  /** Sign, exponent and fraction of an F16 number whose lowest bit was moved to bit 13. */
  static final int HALF = 0x8fffe000;

  /** What makes a float of those bits and multiplies it by 2^-24: both exponents' biases differ by 112. */
  static final int SMALLER = 112 - 24 << 23;

  private VectorQuants() {}

  /** Eight unsigned bytes. */
  static IntVector unsigned(long address) {
    return (IntVector) ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER)
        .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
  }

  /** Eight signed bytes as floats. */
  static FloatVector bytes(long address) {
    return toFloats(
        (IntVector) ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER)
            .convertShape(VectorOperators.B2I, INTS, 0));
  }

  /** The low nibbles of unsigned bytes as floats. */
  static FloatVector low(IntVector bytes) {
    return toFloats(bytes.and(15));
  }

  /** The high nibbles of unsigned bytes as floats. */
  static FloatVector high(IntVector bytes) {
    return toFloats(bytes.lanewise(VectorOperators.LSHR, 4));
  }

  /** Nibbles minus 8, in sign-extended bytes: 8 of Q4_0 is 0. */
  static IntVector centred(long address) {
    return (IntVector) ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER)
        .lanewise(VectorOperators.XOR, (byte) 0x88)
        .convertShape(VectorOperators.B2I, INTS, 0);
  }

  /** 2^28 times the low nibbles of centred bytes. */
  static FloatVector centredLow(IntVector bytes) {
    return toFloats(bytes.lanewise(VectorOperators.LSHL, 28));
  }

  /** The high nibbles of centred bytes. */
  static FloatVector centredHigh(IntVector bytes) {
    return toFloats(bytes.lanewise(VectorOperators.ASHR, 4));
  }

  /** 32 bytes as they lie, four in each int. */
  static IntVector fours(long address) {
    return IntVector.fromMemorySegment(INTS, NativeMemory.ALL, address, ORDER);
  }

  /** 2^24 times the first, signed, of each four bytes. */
  static FloatVector first(IntVector fours) {
    return toFloats(fours.lanewise(VectorOperators.LSHL, 24));
  }

  /** 2^24 times the second; and so on. */
  static FloatVector second(IntVector fours) {
    return toFloats(fours.lanewise(VectorOperators.LSHL, 16).and(TOP_BYTE));
  }

  static FloatVector third(IntVector fours) {
    return toFloats(fours.lanewise(VectorOperators.LSHL, 8).and(TOP_BYTE));
  }

  static FloatVector fourth(IntVector fours) {
    return toFloats(fours.and(TOP_BYTE));
  }

  /** 2^-24 times the F16 scale at an address, in all lanes. */
  static FloatVector smallScale(long address) {
    return FloatVector.broadcast(FLOATS, smallFloat16(NativeMemory.bits16(address)));
  }

  /**
   * 2^-24 times a binary16 number. Normal ones in steps of integers: the units that convert and multiply are what loops over bytes
   * wait for.
   */
  static float smallFloat16(int bits) {
    return (bits + 0x400 & 0x7800) == 0
        ? Float.float16ToFloat((short) bits) * 0x1p-24f // subnormal, infinite or not a number
        : Float.intBitsToFloat((bits << 16 >> 3 & HALF) + SMALLER);
  }

  private static FloatVector toFloats(IntVector values) {
    return (FloatVector) values.convert(VectorOperators.I2F, 0);
  }

  /** Eight F16 values in natural order. */
  static FloatVector halves(long address) {
    IntVector bits =
        (IntVector) ShortVector.fromMemorySegment(SHORTS, NativeMemory.ALL, address, ORDER)
            .convertShape(VectorOperators.S2I, INTS, 0);
    return VectorHalves.lower(bits);
  }

  /** The F16 scale at an address in all lanes. */
  static FloatVector scale(long address) {
    return FloatVector.broadcast(FLOATS, NativeMemory.float16(address));
  }
}
