package dev.sluice.engine.kernel;

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
 * Blocks of int8 columns with their scales. A tile of outputs is summed over all columns of a block in registers, then the
 * scales are applied to a block's sums. Each output is summed by itself, so vectors may be as wide as the machine has them
 * without a bit changing.
 */
final class VectorBlocks {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS =
      Lanes.WIDE ? Lanes.WIDE_FLOATS : Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS =
      Lanes.WIDE ? IntVector.SPECIES_512 : IntVector.SPECIES_256;
  private static final VectorSpecies<Short> SHORTS =
      Lanes.WIDE ? ShortVector.SPECIES_256 : ShortVector.SPECIES_128;
  private static final VectorSpecies<Byte> BYTES =
      Lanes.WIDE ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;
  private static final int LANES = FLOATS.length();

  /** Outputs that are summed at a time, at most: what ranges must be multiples of. */
  static final int TILE = 64;

  /** (base, offsets of columns, first, count, factors, sums, n). */
  private static final Loops SUM =
      new Loops(MethodHandles.lookup(), long.class, long[].class, int.class, int.class,
          float[].class, float[].class, int.class)
          .with(TensorType.I8, "sumBytes");

  /** (address, sums, y, n). */
  private static final Loops SCALE =
      new Loops(MethodHandles.lookup(), long.class, float[].class, float[].class, int.class)
          .with(TensorType.F16, "scaleByHalves")
          .with(TensorType.F32, "scaleByFloats");

  private VectorBlocks() {}

  /** Whether there are loops for columns and scales of these types. */
  static boolean have(TensorType columns, TensorType scales) {
    return SUM.have(columns) && SCALE.have(scales);
  }

  /** For n outputs, a multiple of {@link #TILE}; columns lie in checked memory. */
  static void add(
      TensorType type, int first, int columns, int[] neurons, float[] a, long base, long[] offsets,
      BlockScales scales, float[] sums, float[] y, int n) {
    int end = first + columns;
    int fetched = first;
    for (int c = first; c < end;) {
      int blockEnd = scales.blockEnd(neurons, c, end);
      if (blockEnd > fetched) {
        int some = Math.min(ScatteredRows.GROUP, end - fetched);
        ScatteredRows.fetch(base, offsets, fetched, some, type.bytes(n));
        fetched += some;
      }
      long row = scales.rowOffsetBytes(scales.block(neurons[c]));
      long scalesAt = NativeMemory.scales(scales.type(), scales.memory(), row, n);
      try {
        SUM.of(type).invokeExact(base, offsets, c, blockEnd - c, a, sums, n);
        SCALE.of(scales.type()).invokeExact(scalesAt, sums, y, n);
      } catch (Throwable e) {
        throw Loops.thrown(e);
      }
      c = blockEnd;
    }
  }

  static void sumBytes(
      long base, long[] offsets, int first, int count, float[] a, float[] sums, int n) {
    for (int i = 0; i < n; i += 4 * LANES) {
      FloatVector s = FloatVector.zero(FLOATS);
      FloatVector t = s;
      FloatVector u = s;
      FloatVector v = s;
      for (int c = first; c < first + count; c++) {
        long w = NativeMemory.bounded(base + offsets[c]) + i;
        FloatVector factor = FloatVector.broadcast(FLOATS, a[c]);
        s = bytes(w).fma(factor, s);
        t = bytes(w + LANES).fma(factor, t);
        u = bytes(w + 2L * LANES).fma(factor, u);
        v = bytes(w + 3L * LANES).fma(factor, v);
      }
      s.intoArray(sums, i);
      t.intoArray(sums, i + LANES);
      u.intoArray(sums, i + 2 * LANES);
      v.intoArray(sums, i + 3 * LANES);
    }
  }

  static void scaleByHalves(long address, float[] sums, float[] y, int n) {
    long w = NativeMemory.bounded(address);
    for (int i = 0; i < n; i += LANES) {
      scale(halves(w + 2L * i), sums, y, i);
    }
  }

  static void scaleByFloats(long address, float[] sums, float[] y, int n) {
    long w = NativeMemory.bounded(address);
    for (int i = 0; i < n; i += LANES) {
      scale(FloatVector.fromMemorySegment(FLOATS, NativeMemory.ALL, w + 4L * i, ORDER), sums, y,
          i);
    }
  }

  private static void scale(FloatVector scales, float[] sums, float[] y, int at) {
    scales.fma(FloatVector.fromArray(FLOATS, sums, at), FloatVector.fromArray(FLOATS, y, at))
        .add(0f) // no −0
        .intoArray(y, at);
  }

  private static FloatVector bytes(long address) {
    return (FloatVector) ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, address, ORDER)
        .convertShape(VectorOperators.B2I, INTS, 0)
        .convert(VectorOperators.I2F, 0);
  }

  private static FloatVector halves(long address) {
    return VectorHalves.lower(
        (IntVector) ShortVector.fromMemorySegment(SHORTS, NativeMemory.ALL, address, ORDER)
            .convertShape(VectorOperators.S2I, INTS, 0));
  }
}
