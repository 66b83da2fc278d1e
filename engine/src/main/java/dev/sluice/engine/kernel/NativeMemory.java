package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Weights by address. Loops read through one constant segment that spans the address space: a
 * constant's class, scope and bounds fold away, so no caller's kind of segment (mapped, confined,
 * shared) can slow the compiled loop for the others. Bounds and liveness are therefore checked
 * here, once per call.
 */
final class NativeMemory {
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  // Addresses of user space are below 2^56 on every machine that Java runs on.
  private static final long BOUND = (1L << 56) - 1;

  private NativeMemory() {}

  /**
   * The same address, of which the compiler now knows that it is neither negative nor near {@link Long#MAX_VALUE}: loads
   * at small distances from it need no range check. Worth a quarter of the time of loops that do little else.
   */
  static long bounded(long address) {
    return address & BOUND;
  }

  /** The checked address of n weights. */
  static long address(TensorType type, MemorySegment weights, long offsetBytes, int n) {
    return address(weights, offsetBytes, type.bytes(n));
  }

  /** The checked address of {@code rows} rows of n weights. */
  static long address(
      TensorType type, MemorySegment weights, long offsetBytes, long strideBytes, int rows, int n) {
    if (strideBytes < 0) {
      throw new IndexOutOfBoundsException("stride of " + strideBytes + " bytes");
    }
    long lengthBytes =
        rows <= 0 ? 0 : Math.addExact(Math.multiplyExact(strideBytes, rows - 1), type.bytes(n));
    return address(weights, offsetBytes, lengthBytes);
  }

  private static long address(MemorySegment weights, long offsetBytes, long lengthBytes) {
    if (!weights.isNative()) {
      throw new IllegalArgumentException("weights must lie in native memory");
    }
    if (!weights.scope().isAlive()) {
      throw new IllegalStateException("weights were freed");
    }
    if (!weights.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException("weights belong to another thread");
    }
    Objects.checkFromIndexSize(offsetBytes, lengthBytes, weights.byteSize());
    return weights.address() + offsetBytes;
  }

  /** The address of a segment in which {@code count} rows of n weights were checked to lie. */
  static long checkRows(
      TensorType type, MemorySegment weights, long[] offsetsBytes, int first, int count, int n) {
    Objects.checkFromIndexSize(first, count, offsetsBytes.length);
    long bytes = type.bytes(n);
    long base = address(weights, 0, 0);
    for (int r = first; r < first + count; r++) {
      Objects.checkFromIndexSize(offsetsBytes[r], bytes, weights.byteSize());
    }
    return base;
  }

  /** The checked address of {@code n} scales, which are F16 or F32. */
  static long scales(TensorType type, MemorySegment scales, long offsetBytes, int n) {
    if (type != TensorType.F16 && type != TensorType.F32) {
      throw new IllegalArgumentException("scales are F16 or F32, not " + type);
    }
    return address(type, scales, offsetBytes, n);
  }

  /** The byte at an address, sign-extended. */
  static int bits8(long address) {
    return ALL.get(ValueLayout.JAVA_BYTE, address);
  }

  /** The IEEE 754 binary16 number at an address. */
  static float float16(long address) {
    return Float.float16ToFloat(ALL.get(SHORT, address));
  }

  /** The 16 bits at an address, sign-extended. */
  static int bits16(long address) {
    return ALL.get(SHORT, address);
  }

  static float float32(long address) {
    return ALL.get(FLOAT, address);
  }
}
