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

  private static FloatVector toFloats(IntVector values) {
    return (FloatVector) values.convert(VectorOperators.I2F, 0);
  }

  /** Eight F16 values in natural order. */
  static FloatVector halves(long address) {
    IntVector bits =
        (IntVector) ShortVector.fromMemorySegment(SHORTS, NativeMemory.ALL, address, ORDER)
            .convertShape(VectorOperators.S2I, INTS, 0);
    return VectorRows.evensF16(bits);
  }

  /** The F16 scale at an address in all lanes. */
  static FloatVector scale(long address) {
    return FloatVector.broadcast(FLOATS, NativeMemory.float16(address));
  }

  /** Sixteen signed bytes as floats; for {@link Lanes#WIDE} machines. */
  static FloatVector wideBytes(long address) {
    return toFloats((IntVector) ByteVector
        .fromMemorySegment(ByteVector.SPECIES_128, NativeMemory.ALL, address, ORDER)
        .convertShape(VectorOperators.B2I, IntVector.SPECIES_512, 0));
  }

  /** As {@link #scale}, in sixteen lanes. */
  static FloatVector wideScale(long address) {
    return FloatVector.broadcast(Lanes.WIDE_FLOATS, NativeMemory.float16(address));
  }
}
