package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.INTS;
import static dev.sluice.engine.kernel.NativeMemory.ALL;
import static jdk.incubator.vector.VectorOperators.F2I;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Fills an {@link Int8Vector} with vectors, to the bit as {@link Int8Vector#set} does (of several NaN in a block any may be the scale).
 * Once every fourth quant of a block is in a vector of its own, neighbouring shorts of the layout are the halves of one int lane, and
 * what is left to do stays within lanes.
 */
final class VectorQuantiser {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Short> EIGHT_SHORTS = ShortVector.SPECIES_128;
  private static final int EIGHT_SHORTS_BYTES = 16;
  private static final int LANES = 8;
  private static final VectorShuffle<Integer> EVENS =
      VectorShuffle.fromValues(INTS, 0, 2, 4, 6, -8, -6, -4, -2);
  private static final VectorShuffle<Integer> ODDS =
      VectorShuffle.fromValues(INTS, 1, 3, 5, 7, -7, -5, -3, -1);
  private static final int LOWER = 0xffff;

  private VectorQuantiser() {}

  // One method for each step: C2 boxes what more than some forty vector operations share.

  static void set(float[] x, int offset, int n, Int8Vector target) {
    target.resize(n);
    int[] quants = target.quants();
    for (int block = 0; block < target.blocks(); block++) {
      int from = offset + block * Int8Vector.BLOCK;
      float scale = most(x, from) / 127f;
      round(x, from, Int8Vector.inverse(scale), quants);
      takeEveryFourth(quants);
      long address = target.blockAddress(block);
      int sum = storeBytes(quants, address);
      storeNibbles(address, target.pairAddress(block));
      target.setFactors(block, scale, scale * sum);
    }
  }

  private static float most(float[] x, int from) {
    FloatVector first = absolute(x, from).max(absolute(x, from + LANES));
    FloatVector second = absolute(x, from + 2 * LANES).max(absolute(x, from + 3 * LANES));
    return first.max(second).reduceLanes(VectorOperators.MAX);
  }

  private static FloatVector absolute(float[] x, int from) {
    return FloatVector.fromArray(FLOATS, x, from).abs();
  }

  /** Half away from zero, as {@link Int8Vector} rounds. */
  private static void round(float[] x, int from, float inverse, int[] quants) {
    for (int k = 0; k < Int8Vector.BLOCK; k += LANES) {
      FloatVector exact = FloatVector.fromArray(FLOATS, x, from + k).mul(inverse);
      IntVector whole = (IntVector) exact.convert(F2I, 0);
      FloatVector rest = exact.sub((FloatVector) whole.convert(I2F, 0));
      whole.add((IntVector) rest.add(rest).convert(F2I, 0)).intoArray(quants, k);
    }
  }

  /** Quants k, k + 4 … k + 28 come to lie side by side. Sooner done than gathering them. */
  private static void takeEveryFourth(int[] quants) {
    IntVector a = IntVector.fromArray(INTS, quants, 0);
    IntVector b = IntVector.fromArray(INTS, quants, LANES);
    IntVector c = IntVector.fromArray(INTS, quants, 2 * LANES);
    IntVector d = IntVector.fromArray(INTS, quants, 3 * LANES);
    IntVector even = a.rearrange(EVENS, b);
    IntVector laterEven = c.rearrange(EVENS, d);
    even.rearrange(EVENS, laterEven).intoArray(quants, 0);
    even.rearrange(ODDS, laterEven).intoArray(quants, 2 * LANES);
    IntVector odd = a.rearrange(ODDS, b);
    IntVector laterOdd = c.rearrange(ODDS, d);
    odd.rearrange(EVENS, laterOdd).intoArray(quants, LANES);
    odd.rearrange(ODDS, laterOdd).intoArray(quants, 3 * LANES);
  }

  /** Returns the sum of the quants. */
  private static int storeBytes(int[] quants, long address) {
    IntVector first = IntVector.fromArray(INTS, quants, 0);
    IntVector second = IntVector.fromArray(INTS, quants, LANES);
    IntVector third = IntVector.fromArray(INTS, quants, 2 * LANES);
    IntVector fourth = IntVector.fromArray(INTS, quants, 3 * LANES);
    IntVector bias = IntVector.broadcast(INTS, 0x8000);
    store(first, third, address);
    store(second.sub(first.lanewise(LSHL, 8)), fourth.sub(third.lanewise(LSHL, 8)),
        address + Int8Vector.ODD_BYTES);
    store(bias.sub(first.lanewise(LSHL, 7)), bias.sub(third.lanewise(LSHL, 7)),
        address + Int8Vector.CORRECTION_BYTES);
    return first.add(second).add(third.add(fourth)).reduceLanes(VectorOperators.ADD);
  }

  /** Shorts of two vectors in turns. */
  private static void store(IntVector even, IntVector odd, long address) {
    odd.lanewise(LSHL, 16).or(even.and(LOWER)).intoMemorySegment(ALL, address, ORDER);
  }

  /** From the bytes of the same block. */
  private static void storeNibbles(long address, long pairAddress) {
    ShortVector first = shorts(address);
    ShortVector second = shorts(address + EIGHT_SHORTS_BYTES);
    ShortVector third = shorts(address + Int8Vector.ODD_BYTES).add(first.lanewise(LSHL, 8));
    ShortVector fourth =
        shorts(address + Int8Vector.ODD_BYTES + EIGHT_SHORTS_BYTES).add(second.lanewise(LSHL, 8));
    first.intoMemorySegment(ALL, pairAddress, ORDER);
    storeLess(second, first, pairAddress + Int8Vector.LANE_BYTES);
    storeLess(third, second, pairAddress + 2 * Int8Vector.LANE_BYTES);
    storeLess(fourth, third, pairAddress + 3 * Int8Vector.LANE_BYTES);
    first.add(second).add(third.add(fourth)).lanewise(LSHL, 3).neg()
        .intoMemorySegment(ALL, pairAddress + Int8Vector.OFFSET_BYTES, ORDER);
  }

  private static void storeLess(ShortVector quants, ShortVector before, long address) {
    quants.sub(before.lanewise(LSHL, 4)).intoMemorySegment(ALL, address, ORDER);
  }

  private static ShortVector shorts(long address) {
    return ShortVector.fromMemorySegment(EIGHT_SHORTS, ALL, address, ORDER);
  }
}
