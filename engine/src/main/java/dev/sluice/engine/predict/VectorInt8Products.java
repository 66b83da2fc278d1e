package dev.sluice.engine.predict;

import dev.sluice.storage.predictor.Int8Rows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * 256-bit vectors, a row in each 16-bit lane, so nothing is added across lanes. Both elements of a pair are at most 127, so
 * their products' sum fits in 16 bits; even and odd lanes are widened apart.
 */
final class VectorInt8Products implements Int8Products {
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_256;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
  private static final int HALF = Int8Rows.GROUP_ROWS / 2;

  @Override
  public void products(Int8Rows rows, int fromGroup, int toGroup, short[] x, int xOffset, int[] out,
      int outOffset) {
    MemorySegment codes = rows.codes();
    int steps = rows.steps();
    for (int group = fromGroup; group < toGroup; group++) {
      one(codes, rows.groupOffsetBytes(group), steps, x, xOffset, out,
          outOffset + (group - fromGroup) * Int8Rows.GROUP_ROWS);
    }
  }

  // One group at a time although two could share the broadcasts: codes then come from memory as a single stream, which
  // measured 21 GB/s against 7.
  private static void one(MemorySegment codes, long offset, int steps, short[] x, int xOffset,
      int[] out, int to) {
    IntVector a0 = IntVector.zero(INTS);
    IntVector a1 = IntVector.zero(INTS);
    for (int step = 0; step < steps; step++) {
      ShortVector first = ShortVector.broadcast(SHORTS, x[xOffset + 2 * step]);
      ShortVector second = ShortVector.broadcast(SHORTS, x[xOffset + 2 * step + 1]);
      IntVector a = pairs(codes, offset + (long) step * Int8Rows.STEP_BYTES, first, second);
      a0 = a0.add(even(a));
      a1 = a1.add(odd(a));
    }
    a0.intoArray(out, to);
    a1.intoArray(out, to + HALF);
  }

  private static IntVector pairs(MemorySegment codes, long at, ShortVector first,
      ShortVector second) {
    ShortVector both = ByteVector.fromMemorySegment(BYTES, codes, at, ByteOrder.LITTLE_ENDIAN)
        .reinterpretAsShorts();
    ShortVector low = both.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
    ShortVector high = both.lanewise(VectorOperators.ASHR, 8);
    return low.mul(first).add(high.mul(second)).reinterpretAsInts();
  }

  private static IntVector even(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16);
  }

  private static IntVector odd(IntVector pairs) {
    return pairs.lanewise(VectorOperators.ASHR, 16);
  }
}
