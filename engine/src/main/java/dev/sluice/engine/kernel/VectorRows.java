package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.INTS;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Loops over weights at checked native addresses. 16-bit weights come as 32-bit loads of two, split
 * as {@link HalfFormat} says. All n are multiples of 16 here.
 */
final class VectorRows {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorRows() {}

  /**
   * One row at a time: consecutive rows overlap in the processor by themselves, and two rows at
   * once measured a third more from L2 but half as much from DRAM, where two interleaved streams
   * defeat the prefetcher.
   */
  static float dot(TensorType type, long address, float[] x, int xo, int n) {
    return switch (type) {
      case F32 -> dot32(address, x, xo, n);
      case F16, BF16 -> dot16(address, x, xo, n, HalfFormat.shift(type), HalfFormat.mask(type),
          HalfFormat.scale(type));
      case Q8_0 -> VectorQuants.dot8(address, x, xo, n);
      case Q4_0 -> VectorQuants.dot40(address, x, xo, n);
      case Q4_1 -> VectorQuants.dot41(address, x, xo, n);
      default -> dotInChunks(type, address, x, xo, n);
    };
  }

  /** Weights of other types are decoded in plain Java and summed in vectors. */
  private static float dotInChunks(TensorType type, long address, float[] x, int xo, int n) {
    Chunk chunk = Chunk.ofThread();
    Arrays.fill(chunk.sums, 0f);
    for (int i = 0; i < n; i += Chunk.ELEMENTS) {
      int some = Math.min(Chunk.ELEMENTS, n - i);
      chunk.decode(type, address + type.bytes(i), some);
      VectorTiles.accumulate(chunk.values, 0, x, xo + i, some, chunk.sums);
    }
    return ScalarSums.fold(chunk.sums);
  }

  /** Widens as many of n elements as there are vectors for, a multiple of 16; returns how many. */
  static int widen(TensorType type, long address, float[] row, int ro, int n) {
    switch (type) {
      case F32 -> MemorySegment.copy(NativeMemory.ALL, NativeMemory.FLOAT, address, row, ro, n);
      case F16, BF16 -> widen16(address, row, ro, n, HalfFormat.shift(type), HalfFormat.mask(type),
          HalfFormat.scale(type));
      case I8 -> VectorQuants.widenBytes(address, row, ro, n);
      case U4 -> VectorQuants.widenNibbles(address, row, ro, n);
      case Q8_0 -> VectorQuants.widen8(address, row, ro, n);
      case Q4_0 -> VectorQuants.widen40(address, row, ro, n);
      case Q4_1 -> VectorQuants.widen41(address, row, ro, n);
      default -> {
        return 0;
      }
    }
    return n;
  }

  /** Adds as many of n elements as there are vectors for, a multiple of 16; returns how many. */
  static int axpy(TensorType type, float a, long address, float[] y, int yo, int n) {
    switch (type) {
      case F32 -> axpy32(a, address, y, yo, n);
      case F16, BF16 -> axpy16(a, address, y, yo, n, HalfFormat.shift(type),
          HalfFormat.mask(type), HalfFormat.scale(type));
      case I8 -> VectorQuants.axpyBytes(a, address, y, yo, n);
      case U4 -> VectorQuants.axpyNibbles(a, address, y, yo, n);
      case Q8_0 -> VectorQuants.axpy8(a, address, y, yo, n);
      default -> {
        return 0;
      }
    }
    return n;
  }

  static IntVector pairs(long address) {
    return IntVector.fromMemorySegment(INTS, NativeMemory.ALL, address, ORDER);
  }

  static FloatVector floats(long address) {
    return FloatVector.fromMemorySegment(FLOATS, NativeMemory.ALL, address, ORDER);
  }

  static FloatVector evens(IntVector pairs, int shift, int mask, float scale) {
    return pairs
        .lanewise(VectorOperators.LSHL, 16)
        .lanewise(VectorOperators.ASHR, shift)
        .and(mask)
        .reinterpretAsFloats()
        .mul(scale);
  }

  static FloatVector odds(IntVector pairs, int shift, int mask, float scale) {
    return pairs.lanewise(VectorOperators.ASHR, shift).and(mask).reinterpretAsFloats().mul(scale);
  }

  private static float dot16(long w, float[] x, int xo, int n, int shift, int mask, float scale) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 16) {
      IntVector p = pairs(w + 2L * i);
      low = evens(p, shift, mask, scale).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = odds(p, shift, mask, scale).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
    }
    return Lanes.fold(low.add(high));
  }

  private static float dot32(long w, float[] x, int xo, int n) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 16) {
      low = floats(w + 4L * i).fma(FloatVector.fromArray(FLOATS, x, xo + i), low);
      high = floats(w + 4L * i + 32).fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), high);
    }
    return Lanes.fold(low.add(high));
  }

  private static void widen16(long w, float[] row, int ro, int n, int shift, int mask,
      float scale) {
    for (int i = 0; i < n; i += 16) {
      IntVector p = pairs(w + 2L * i);
      evens(p, shift, mask, scale).intoArray(row, ro + i);
      odds(p, shift, mask, scale).intoArray(row, ro + i + 8);
    }
  }

  private static void axpy16(
      float a, long w, float[] y, int yo, int n, int shift, int mask, float scale) {
    FloatVector b = FloatVector.broadcast(FLOATS, a);
    for (int i = 0; i < n; i += 16) {
      IntVector p = pairs(w + 2L * i);
      FloatVector low = FloatVector.fromArray(FLOATS, y, yo + i);
      evens(p, shift, mask, scale).fma(b, low).add(0f).intoArray(y, yo + i);
      FloatVector high = FloatVector.fromArray(FLOATS, y, yo + i + 8);
      odds(p, shift, mask, scale).fma(b, high).add(0f).intoArray(y, yo + i + 8);
    }
  }

  private static void axpy32(float a, long w, float[] y, int yo, int n) {
    FloatVector b = FloatVector.broadcast(FLOATS, a);
    for (int i = 0; i < n; i += 8) {
      floats(w + 4L * i).fma(b, FloatVector.fromArray(FLOATS, y, yo + i)).add(0f).intoArray(y,
          yo + i);
    }
  }

  static void axpy(float a, float[] x, int xo, float[] y, int yo, int n) {
    FloatVector b = FloatVector.broadcast(FLOATS, a);
    for (int i = 0; i < n; i += 8) {
      FloatVector.fromArray(FLOATS, x, xo + i)
          .fma(b, FloatVector.fromArray(FLOATS, y, yo + i))
          .add(0f)
          .intoArray(y, yo + i);
    }
  }
}
