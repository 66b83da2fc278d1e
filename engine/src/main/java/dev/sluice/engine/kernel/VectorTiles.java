package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.floats;
import static dev.sluice.engine.kernel.NativeMemory.ALL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * Dot products of float32 rows with several vectors. Both are copied, {@link #CHUNK} elements at a time, to where a tile of 2 rows × 4
 * vectors reads them one after another: arrays begin anywhere, so that every second load would cross a cache line, and
 * rows lie at distances that would push each other out of L1. A tile adds up one half of the 16 partial sums: 8 accumulators, 2
 * pieces of rows and one of a vector stay in 16 registers. Sums wait in memory between chunks, to the same bits.
 */
final class VectorTiles {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int CHUNK = 512;

  /** Rows and vectors whose chunks meet before the next ones: they and their sums stay in L2. Multiples of 4. */
  private static final int ROWS = 32;

  private static final int VECTORS = 64;

  private static final long LANE_BYTES = 32;
  private static final long STEP_BYTES = 4 * LANE_BYTES; // 8 elements of four rows or vectors
  private static final long SUMS_BYTES = 2 * 4 * LANE_BYTES; // of half a tile

  private static final ThreadLocal<Room> ROOM = ThreadLocal.withInitial(Room::new);

  /** What a thread's first tile takes outside the heap. */
  static final long ROOM_BYTES =
      (long) (ROWS + VECTORS) * CHUNK * Float.BYTES + ROWS / 2 * (VECTORS / 4) * 2 * SUMS_BYTES
          + LANE_BYTES;

  /** One thread's copies and sums, outside the heap; freed some time after the thread. */
  private static final class Room {
    final MemorySegment rows;
    final MemorySegment vectors;
    final MemorySegment sums;
    final MemorySegment zeros;

    Room() {
      Arena arena = Arena.ofAuto();
      rows = arena.allocate(ROWS * CHUNK * Float.BYTES, 2 * LANE_BYTES);
      vectors = arena.allocate(VECTORS * CHUNK * Float.BYTES, 2 * LANE_BYTES);
      sums = arena.allocate(ROWS / 2 * (VECTORS / 4) * 2 * SUMS_BYTES, 2 * LANE_BYTES);
      zeros = arena.allocate(LANE_BYTES, LANE_BYTES);
    }
  }

  private VectorTiles() {}

  /** n is a multiple of 16. */
  static void dots(
      float[] rows,
      int rowOffset,
      int rowCount,
      float[] xs,
      int xOffset,
      int xCount,
      float[] out,
      int outOffset,
      int outStride,
      int n) {
    if (rowCount == 0) {
      return;
    }
    int rowsTiled = n == 0 ? 0 : rowCount & -4;
    int xTiled = xCount & -4;
    for (int t = 0; t < xTiled; t += VECTORS) {
      int vectors = Math.min(VECTORS, xTiled - t);
      for (int r = 0; r < rowsTiled; r += ROWS) {
        block(rows, rowOffset + r * n, Math.min(ROWS, rowsTiled - r), xs, xOffset + t * n, vectors,
            out, outOffset + r * outStride + t, outStride, n);
      }
    }
    float[] sums = Lanes.scratch();
    for (int r = rowsTiled; r < rowCount; r++) {
      for (int t = 0; t < xTiled; t += 4) {
        sum1x4(rows, rowOffset + r * n, xs, xOffset + t * n, sums, n);
        Lanes.fold4(sums, 0, out, outOffset + r * outStride + t, 1);
      }
    }
    for (int t = xTiled; t < xCount; t++) { // the same tile with rows and vectors exchanged
      int x = xOffset + t * n;
      int o = outOffset + t;
      int q = 0;
      for (; q + 4 <= rowCount; q += 4) {
        sum1x4(xs, x, rows, rowOffset + q * n, sums, n);
        Lanes.fold4(sums, 0, out, o + q * outStride, outStride);
      }
      for (; q < rowCount; q++) {
        out[o + q * outStride] = dot(rows, rowOffset + q * n, xs, x, n);
      }
    }
  }

  /** Whole tiles: rows are a multiple of 4 up to {@link #ROWS}, vectors up to {@link #VECTORS}. */
  private static void block(
      float[] rows, int rowOffset, int rowCount, float[] xs, int xOffset, int xCount, float[] out,
      int outOffset, int outStride, int n) {
    Room room = ROOM.get();
    long sums = room.sums.address();
    for (int i = 0; i < n; i += CHUNK) {
      int some = Math.min(CHUNK, n - i);
      copy(rows, rowOffset + i, rowCount, n, some, room.rows.address());
      copy(xs, xOffset + i, xCount, n, some, room.vectors.address());
      if (i == 0) {
        add(room, rowCount, xCount, some, room.zeros.address(), 0);
      } else {
        add(room, rowCount, xCount, some, sums, LANE_BYTES);
      }
    }
    join(sums, rowCount / 2 * (xCount / 4));
    for (int t = 0; t < xCount; t += 4) {
      for (int r = 0; r < rowCount; r++) {
        Lanes.fold4(sums, out, outOffset + r * outStride + t);
        sums += 4 * LANE_BYTES;
      }
    }
  }

  /**
   * Adds the products of a chunk.
   *
   * @param begin address of what the sums begin with: those that wait, or zeros
   * @param step from one vector of them to the next, in bytes; 0 for zeros
   */
  private static void add(
      Room room, int rowCount, int xCount, int some, long begin, long step) {
    int steps = some / 16;
    long half = (long) steps * STEP_BYTES;
    long from = begin;
    long sums = room.sums.address();
    for (int t = 0; t < xCount; t += 4) {
      long x = room.vectors.address() + (long) t * some * Float.BYTES;
      for (int r = 0; r < rowCount; r += 2) {
        // Of four rows that lie together the first or the last two.
        long a =
            room.rows.address() + (long) (r & -4) * some * Float.BYTES + (r & 2) * LANE_BYTES;
        add2x4(a, x, steps, from, step, sums);
        from += 8 * step;
        sums += SUMS_BYTES;
        add2x4(a + half, x + half, steps, from, step, sums);
        from += 8 * step;
        sums += SUMS_BYTES;
      }
    }
  }

  /** Copies rows, four together: the first 8 elements of each 16, then the last 8, of each row in turn. */
  private static void copy(float[] rows, int offset, int count, int n, int some, long target) {
    long half = (long) some / 2 * 4 * Float.BYTES;
    for (int r = 0; r < count; r += 4) {
      copy4(rows, offset + r * n, n, some, target + (long) r * some * Float.BYTES, half);
    }
  }

  private static void copy4(float[] rows, int offset, int n, int some, long target, long half) {
    long next = target;
    for (int i = 0; i < some; i += 16) {
      long to = NativeMemory.bounded(next);
      copy16(rows, offset + i, to, half);
      copy16(rows, offset + n + i, to + LANE_BYTES, half);
      copy16(rows, offset + 2 * n + i, to + 2 * LANE_BYTES, half);
      copy16(rows, offset + 3 * n + i, to + 3 * LANE_BYTES, half);
      next += STEP_BYTES;
    }
  }

  private static void copy16(float[] row, int offset, long to, long half) {
    FloatVector.fromArray(FLOATS, row, offset).intoMemorySegment(ALL, to, ORDER);
    FloatVector.fromArray(FLOATS, row, offset + 8)
        .intoMemorySegment(ALL, NativeMemory.bounded(to + half), ORDER);
  }

  /** Adds up the halves of the sums; those of each row of each tile, 4 vectors, then lie one after another. C2 does not count it either. */
  private static void join(long sums, int tiles) {
    long from = sums;
    long to = sums;
    for (int k = 0; k != 2 * tiles; k += 2) {
      for (int v = 0; v < 8; v++) {
        long f = NativeMemory.bounded(from + v * LANE_BYTES);
        floats(f).add(floats(f + SUMS_BYTES))
            .intoMemorySegment(ALL, NativeMemory.bounded(to + v * LANE_BYTES), ORDER);
      }
      from += 2 * SUMS_BYTES;
      to += SUMS_BYTES;
    }
  }

  /** n is a multiple of 16. */
  static float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = low;
    for (int i = 0; i < n; i += 16) {
      low = FloatVector.fromArray(FLOATS, a, aOffset + i)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i), low);
      high = FloatVector.fromArray(FLOATS, a, aOffset + i + 8)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i + 8), high);
    }
    return Lanes.fold(low.add(high));
  }

  /** Adds the products of n elements, a multiple of 16, to 16 partial sums. */
  static void accumulate(float[] a, int aOffset, float[] b, int bOffset, int n, float[] sums) {
    FloatVector low = FloatVector.fromArray(FLOATS, sums, 0);
    FloatVector high = FloatVector.fromArray(FLOATS, sums, 8);
    for (int i = 0; i < n; i += 16) {
      low = FloatVector.fromArray(FLOATS, a, aOffset + i)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i), low);
      high = FloatVector.fromArray(FLOATS, a, aOffset + i + 8)
          .fma(FloatVector.fromArray(FLOATS, b, bOffset + i + 8), high);
    }
    low.intoArray(sums, 0);
    high.intoArray(sums, 8);
  }

  private static void sum1x4(float[] a, int ao, float[] x, int xo, float[] sums, int n) {
    FloatVector l0 = FloatVector.zero(FLOATS);
    FloatVector l1 = l0;
    FloatVector l2 = l0;
    FloatVector l3 = l0;
    FloatVector h0 = l0;
    FloatVector h1 = l0;
    FloatVector h2 = l0;
    FloatVector h3 = l0;
    for (int i = 0; i < n; i += 16) {
      FloatVector al = FloatVector.fromArray(FLOATS, a, ao + i);
      l0 = al.fma(FloatVector.fromArray(FLOATS, x, xo + i), l0);
      l1 = al.fma(FloatVector.fromArray(FLOATS, x, xo + n + i), l1);
      l2 = al.fma(FloatVector.fromArray(FLOATS, x, xo + 2 * n + i), l2);
      l3 = al.fma(FloatVector.fromArray(FLOATS, x, xo + 3 * n + i), l3);
      FloatVector ah = FloatVector.fromArray(FLOATS, a, ao + i + 8);
      h0 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + i + 8), h0);
      h1 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + n + i + 8), h1);
      h2 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + 2 * n + i + 8), h2);
      h3 = ah.fma(FloatVector.fromArray(FLOATS, x, xo + 3 * n + i + 8), h3);
    }
    l0.add(h0).intoArray(sums, 0);
    l1.add(h1).intoArray(sums, 8);
    l2.add(h2).intoArray(sums, 16);
    l3.add(h3).intoArray(sums, 24);
  }

  /**
   * Adds the products of half a tile to 8 vectors of sums, {@code step} bytes apart from {@code begin} on. Names: row, then vector. Addresses are added to, and the loop goes on by
   * two until it meets its end, so that C2 does not count it: unrolled, it would keep the sums in memory.
   */
  private static void add2x4(long rows, long xs, int steps, long begin, long step, long sums) {
    long b = NativeMemory.bounded(begin);
    FloatVector s00 = floats(b);
    FloatVector s01 = floats(b + step);
    FloatVector s02 = floats(b + 2L * step);
    FloatVector s03 = floats(b + 3L * step);
    FloatVector s10 = floats(b + 4L * step);
    FloatVector s11 = floats(b + 5L * step);
    FloatVector s12 = floats(b + 6L * step);
    FloatVector s13 = floats(b + 7L * step);
    long nextRows = rows;
    long nextXs = xs;
    for (int i = 0; i != 2 * steps; i += 2) {
      long a = NativeMemory.bounded(nextRows);
      long x = NativeMemory.bounded(nextXs);
      FloatVector a0 = floats(a);
      FloatVector a1 = floats(a + LANE_BYTES);
      FloatVector v = floats(x);
      s00 = a0.fma(v, s00);
      s10 = a1.fma(v, s10);
      v = floats(x + LANE_BYTES);
      s01 = a0.fma(v, s01);
      s11 = a1.fma(v, s11);
      v = floats(x + 2 * LANE_BYTES);
      s02 = a0.fma(v, s02);
      s12 = a1.fma(v, s12);
      v = floats(x + 3 * LANE_BYTES);
      s03 = a0.fma(v, s03);
      s13 = a1.fma(v, s13);
      nextRows += STEP_BYTES;
      nextXs += STEP_BYTES;
    }
    long to = NativeMemory.bounded(sums);
    s00.intoMemorySegment(ALL, to, ORDER);
    s01.intoMemorySegment(ALL, to + LANE_BYTES, ORDER);
    s02.intoMemorySegment(ALL, to + 2 * LANE_BYTES, ORDER);
    s03.intoMemorySegment(ALL, to + 3 * LANE_BYTES, ORDER);
    s10.intoMemorySegment(ALL, to + 4 * LANE_BYTES, ORDER);
    s11.intoMemorySegment(ALL, to + 5 * LANE_BYTES, ORDER);
    s12.intoMemorySegment(ALL, to + 6 * LANE_BYTES, ORDER);
    s13.intoMemorySegment(ALL, to + 7 * LANE_BYTES, ORDER);
  }
}
