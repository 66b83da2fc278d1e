package dev.sluice.engine.kernel;

import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The species of 8 lanes, and of 16, and the final tree of a canonical sum. reduceLanes is not used for floats: its
 * order is unspecified. C2 stops inlining at about 40 vector operations a method and then allocates
 * a box for every vector that crosses the call, so methods that keep many partial sums write them
 * to memory and fold them in a method of their own.
 */
final class Lanes {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_256;
  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;

  /** Whether the processor has vectors of 16 floats: fewer instructions for loops that are bound by how many of them it takes in. */
  static final boolean WIDE =
      FloatVector.SPECIES_PREFERRED.vectorBitSize() >= FloatVector.SPECIES_512.vectorBitSize();
  static final VectorSpecies<Float> WIDE_FLOATS = FloatVector.SPECIES_512;

  private static final VectorShuffle<Float> BY_4 =
      VectorShuffle.fromValues(FLOATS, 4, 5, 6, 7, 0, 1, 2, 3);
  private static final VectorShuffle<Float> BY_2 =
      VectorShuffle.fromValues(FLOATS, 2, 3, 0, 1, 6, 7, 4, 5);
  private static final VectorShuffle<Float> BY_1 =
      VectorShuffle.fromValues(FLOATS, 1, 0, 3, 2, 5, 4, 7, 6);
  private static final VectorMask<Float> UPPER_4 = VectorMask.fromLong(FLOATS, 0b11110000);
  private static final VectorMask<Float> UPPER_2 = VectorMask.fromLong(FLOATS, 0b11001100);

  private static final ThreadLocal<float[]> SCRATCH = ThreadLocal.withInitial(() -> new float[104]);

  /** An element of the scratch that takes what would otherwise not be used. */
  static final int SINK = 96;

  private Lanes() {}

  /**
   * This thread's 96 floats: vectors of partial sums, or a stretch of exponents.
   */
  static float[] scratch() {
    return SCRATCH.get();
  }

  /** ((t0 + t4) + (t2 + t6)) + ((t1 + t5) + (t3 + t7)). */
  static float fold(FloatVector t) {
    FloatVector u = t.add(t.rearrange(BY_4));
    FloatVector v = u.add(u.rearrange(BY_2));
    return v.lane(0) + v.lane(1);
  }

  /**
   * Folds four vectors that lie one after another; element j of the result goes to {@code out[o + j
   * · step]}.
   */
  static void fold4(float[] sums, int offset, float[] out, int o, int step) {
    fold4(
        FloatVector.fromArray(FLOATS, sums, offset),
        FloatVector.fromArray(FLOATS, sums, offset + 8),
        FloatVector.fromArray(FLOATS, sums, offset + 16),
        FloatVector.fromArray(FLOATS, sums, offset + 24),
        out, o, step);
  }

  /** The same of vectors at a native address; results side by side. */
  static void fold4(long sums, float[] out, int o) {
    long at = NativeMemory.bounded(sums);
    fold4(floats(at), floats(at + 32), floats(at + 64), floats(at + 96), out, o, 1);
  }

  /** Eight floats of our own at a checked address, in the machine's order. */
  static FloatVector floats(long address) {
    return FloatVector.fromMemorySegment(FLOATS, NativeMemory.ALL, address,
        ByteOrder.nativeOrder());
  }

  private static void fold4(
      FloatVector a, FloatVector b, FloatVector c, FloatVector d, float[] out, int o, int step) {
    FloatVector ab = a.blend(b, UPPER_4).add(b.blend(a, UPPER_4).rearrange(BY_4));
    FloatVector cd = c.blend(d, UPPER_4).add(d.blend(c, UPPER_4).rearrange(BY_4));
    FloatVector acbd = ab.blend(cd, UPPER_2).add(cd.blend(ab, UPPER_2).rearrange(BY_2));
    FloatVector folded = acbd.add(acbd.rearrange(BY_1)); // each result twice: a a c c b b d d
    out[o] = folded.lane(0);
    out[o + step] = folded.lane(4);
    out[o + 2 * step] = folded.lane(2);
    out[o + 3 * step] = folded.lane(6);
  }
}
