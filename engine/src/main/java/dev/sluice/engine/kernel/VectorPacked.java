package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.INTS;

import dev.sluice.storage.predictor.PackedRows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Packed rows to float32, sixteen elements at a time: eight even ones, then eight odd ones. Codes become
 * floats exactly and one fused multiply-add turns them into levels, as {@link PackedRows#unpack} does. Rows
 * are whole groups here.
 */
final class VectorPacked {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER);
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_64;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_128;

  // Lane j takes the element 2j of sixteen that stand side by side in one int.
  private static final IntVector STEPS_OF_TWO = IntVector.zero(INTS).addIndex(2);
  private static final IntVector STEPS_OF_FOUR = IntVector.zero(INTS).addIndex(4);

  // The same of three bits each; the upper lanes take theirs from the second eight elements.
  private static final IntVector STEPS_OF_SIX =
      IntVector.fromArray(INTS, new int[] {0, 6, 12, 18, 0, 6, 12, 18}, 0);
  private static final VectorMask<Integer> UPPER = VectorMask.fromLong(INTS, 0xf0);

  private VectorPacked() {}

  static void unpack(PackedRows rows, int row, float[] target, int offset) {
    MemorySegment memory = rows.memory();
    long at = rows.codesOffsetBytes(row);
    int bits = rows.bits();
    int half = 1 << (bits - 1);
    for (int group = 0; group < rows.cols() / PackedRows.GROUP; group++) {
      float scale = rows.scale(row, group);
      float zero = (0.5f - half) * scale;
      for (int i = 0; i < PackedRows.GROUP; i += 16) {
        int to = offset + group * PackedRows.GROUP + i;
        switch (bits) {
          case 1 -> few(memory.get(SHORT, at), STEPS_OF_TWO, 1, scale, zero, target, to);
          case 2 -> few(memory.get(INT, at), STEPS_OF_FOUR, 2, scale, zero, target, to);
          case 3 -> three(memory, at, scale, zero, target, to);
          case 4 -> four(memory, at, scale, zero, target, to);
          default -> eight(memory, at, scale, zero, target, to);
        }
        at += 2L * bits;
      }
    }
  }

  private static void few(
      int codes, IntVector shifts, int bits, float scale, float zero, float[] target, int to) {
    IntVector all = IntVector.broadcast(INTS, codes).lanewise(VectorOperators.LSHR, shifts);
    int mask = (1 << bits) - 1;
    store(all.and(mask), scale, zero, target, to);
    store(all.lanewise(VectorOperators.LSHR, bits).and(mask), scale, zero, target, to + 8);
  }

  /** Six bytes: eight elements in three, twice. The second int begins two bytes later, so that none beyond is read. */
  private static void three(
      MemorySegment memory, long at, float scale, float zero, float[] target, int to) {
    int first = memory.get(INT, at);
    int second = memory.get(INT, at + 2) >>> 8;
    IntVector all = IntVector.broadcast(INTS, first)
        .blend(IntVector.broadcast(INTS, second), UPPER)
        .lanewise(VectorOperators.LSHR, STEPS_OF_SIX);
    store(all.and(7), scale, zero, target, to);
    store(all.lanewise(VectorOperators.LSHR, 3).and(7), scale, zero, target, to + 8);
  }

  private static void four(
      MemorySegment memory, long at, float scale, float zero, float[] target, int to) {
    IntVector pairs =
        (IntVector) ByteVector.fromMemorySegment(BYTES, memory, at, ORDER)
            .convertShape(VectorOperators.B2I, INTS, 0);
    store(pairs.and(15), scale, zero, target, to);
    store(pairs.lanewise(VectorOperators.LSHR, 4).and(15), scale, zero, target, to + 8);
  }

  private static void eight(
      MemorySegment memory, long at, float scale, float zero, float[] target, int to) {
    IntVector pairs =
        (IntVector) ShortVector.fromMemorySegment(SHORTS, memory, at, ORDER)
            .convertShape(VectorOperators.S2I, INTS, 0);
    store(pairs.and(255), scale, zero, target, to);
    store(pairs.lanewise(VectorOperators.LSHR, 8).and(255), scale, zero, target, to + 8);
  }

  private static void store(IntVector codes, float scale, float zero, float[] target, int to) {
    FloatVector levels = (FloatVector) codes.convert(VectorOperators.I2F, 0);
    levels
        .fma(FloatVector.broadcast(FLOATS, scale), FloatVector.broadcast(FLOATS, zero))
        .intoArray(target, to);
  }
}
