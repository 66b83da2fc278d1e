package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;

import dev.sluice.storage.tensor.TensorType;
import java.lang.invoke.MethodHandles;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Rows of F16 where subnormal operands are dear ({@link VectorHalves}). Java's vectors have no conversion of halves, but C2 has one for
 * plain loops that do nothing else. So stretches of four rows are converted to a place in the nearest cache and multiplied there, while
 * lines of the next stretch are touched: memory would otherwise rest until that one is converted. Sums of finite weights are those of all F16 rows, to the bit. What other ways took: docs/kernels.md.
 */
final class VectorF16Rows {
  /** Elements of a row that are converted at a time, at most: four such stretches fit L1 beside their activations. */
  private static final int STRETCH = 1280;

  /** From one converted stretch to the next, in elements: no multiple of what makes addresses look alike to a cache. */
  private static final int PITCH = STRETCH + 80;

  private static final int SUMS = 16; // of a row: lane l has those of elements 16 k + l

  /** (address, to, at, n): compiled on its own, for only then is it sure to become vectors. */
  private static final Loops CONVERT =
      new Loops(MethodHandles.lookup(), long.class, float[].class, int.class, int.class)
          .with(TensorType.F16, "convert");

  private static final ThreadLocal<Room> ROOM = ThreadLocal.withInitial(Room::new);

  /** One thread's activations in their natural order, converted stretches, and sums. */
  private static final class Room {
    private float[] x = {};
    private final float[] wide = new float[4 * PITCH];
    private final float[] sums = new float[4 * SUMS];

    float[] x(int n) {
      return x = x.length >= n ? x : new float[n];
    }
  }

  private VectorF16Rows() {}

  /** Whether rows of n elements can be done. */
  static boolean suits(int n) {
    return n % (2 * BlockLayout.BLOCK) == 0; // stretches are halved
  }

  /** See {@link VectorRows}: leaves 8 partial sums of each of 4 · rows rows. */
  static void band(long address, long far, long stride, int rows, float[] arranged, int xo, int n,
      float[] sums) {
    Room room = ROOM.get();
    int stretch = stretch(n);
    BlockLayout.restore(TensorType.F16, arranged, xo, room.x(n), 0, n);
    for (int r = 0; r < rows; r++) {
      Arrays.fill(room.sums, 0f);
      for (int from = 0; from < n; from += stretch) {
        int some = Math.min(stretch, n - from);
        long first = address + r * stride + 2L * from;
        widen(first, room.wide, 0, some);
        widen(first + far, room.wide, PITCH, some);
        widen(first + 2 * far, room.wide, 2 * PITCH, some);
        widen(first + 3 * far, room.wide, 3 * PITCH, some);
        boolean within = from + stretch < n;
        int left = within ? n - from - stretch : r + 1 < rows ? n : 0;
        long next = left < some ? first // nothing is touched that may lie behind the rows
            : within ? first + 2L * stretch : address + (r + 1) * stride;
        int half = some / 2;
        multiply(room, 0, from, half, next, next + far);
        multiply(room, half, from + half, half, next + 2 * far, next + 3 * far);
      }
      fold(room.sums, sums, 32 * r);
    }
  }

  /** Elements at a time: about as many each time, so that what is touched ahead is mostly all of the next. */
  static int stretch(int n) {
    int halves = 2 * BlockLayout.BLOCK;
    return Math.ceilDiv(Math.ceilDiv(n, Math.ceilDiv(n, STRETCH)), halves) * halves;
  }

  private static void widen(long address, float[] to, int at, int n) {
    try {
      CONVERT.of(TensorType.F16).invokeExact(address, to, at, n);
    } catch (Throwable e) {
      throw Loops.thrown(e);
    }
  }

  /** C2 makes vectors of this as long as the address is plain: with {@link NativeMemory#bounded} it does not. */
  static void convert(long address, float[] to, int at, int n) {
    for (int i = 0; i < n; i++) {
      to[at + i] = Float.float16ToFloat(NativeMemory.ALL.get(NativeMemory.SHORT, address + 2L * i));
    }
  }

  /**
   * Adds products of {@code n} elements to the room's sums.
   *
   * @param at of the first converted element
   * @param from of its activation
   * @param next touched, four bytes for each element, and {@code nextToo} likewise
   */
  private static void multiply(Room room, int at, int from, int n, long next, long nextToo) {
    float[] wide = room.wide;
    float[] x = room.x;
    float[] sums = room.sums;
    long p = NativeMemory.bounded(next);
    long q = NativeMemory.bounded(nextToo);
    long seen = 0;
    FloatVector a = FloatVector.fromArray(FLOATS, sums, 0);
    FloatVector b = FloatVector.fromArray(FLOATS, sums, 8);
    FloatVector c = FloatVector.fromArray(FLOATS, sums, 16);
    FloatVector d = FloatVector.fromArray(FLOATS, sums, 24);
    FloatVector e = FloatVector.fromArray(FLOATS, sums, 32);
    FloatVector f = FloatVector.fromArray(FLOATS, sums, 40);
    FloatVector g = FloatVector.fromArray(FLOATS, sums, 48);
    FloatVector h = FloatVector.fromArray(FLOATS, sums, 56);
    for (int i = 0; i < n; i += 16) {
      FloatVector first = FloatVector.fromArray(FLOATS, x, from + i);
      FloatVector second = FloatVector.fromArray(FLOATS, x, from + i + 8);
      seen += NativeMemory.bits8(p + 4L * i) + NativeMemory.bits8(q + 4L * i);
      a = FloatVector.fromArray(FLOATS, wide, at + i).fma(first, a);
      b = FloatVector.fromArray(FLOATS, wide, at + i + 8).fma(second, b);
      c = FloatVector.fromArray(FLOATS, wide, at + PITCH + i).fma(first, c);
      d = FloatVector.fromArray(FLOATS, wide, at + PITCH + i + 8).fma(second, d);
      e = FloatVector.fromArray(FLOATS, wide, at + 2 * PITCH + i).fma(first, e);
      f = FloatVector.fromArray(FLOATS, wide, at + 2 * PITCH + i + 8).fma(second, f);
      g = FloatVector.fromArray(FLOATS, wide, at + 3 * PITCH + i).fma(first, g);
      h = FloatVector.fromArray(FLOATS, wide, at + 3 * PITCH + i + 8).fma(second, h);
    }
    Lanes.scratch()[Lanes.SINK] = seen; // so that the compiler cannot leave the loads out
    a.intoArray(sums, 0);
    b.intoArray(sums, 8);
    c.intoArray(sums, 16);
    d.intoArray(sums, 24);
    e.intoArray(sums, 32);
    f.intoArray(sums, 40);
    g.intoArray(sums, 48);
    h.intoArray(sums, 56);
  }

  /** Those of even elements plus those of the odd ones beside them. */
  private static void fold(float[] from, float[] sums, int at) {
    for (int k = 0; k < 4; k++) {
      for (int j = 0; j < 8; j++) {
        sums[at + 8 * k + j] = from[SUMS * k + 2 * j] + from[SUMS * k + 2 * j + 1];
      }
    }
  }
}
