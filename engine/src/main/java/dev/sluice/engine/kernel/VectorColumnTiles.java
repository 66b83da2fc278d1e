package dev.sluice.engine.kernel;

import static dev.sluice.engine.kernel.Lanes.FLOATS;
import static dev.sluice.engine.kernel.Lanes.floats;
import static dev.sluice.engine.kernel.NativeMemory.ALL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * Scaled additions of float32 columns to several vectors. A strip of 64 outputs of one vector stays in registers while its columns
 * are added, and only columns whose factors are not 0, listed beforehand: after ReLU they are few. Strips of columns are
 * copied together, since columns of 2,560 elements lie 10,240 bytes apart and would push each other out of L1.
 */
final class VectorColumnTiles {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int STRIP = 64;
  private static final int STRIP_BYTES = STRIP * Float.BYTES;
  private static final int COLUMNS = 32;
  private static final int VECTORS = 64;

  /** Fewer vectors are not worth the copies. */
  private static final int FEW = 4;

  /** What a thread's first tile takes outside the heap. */
  static final long ROOM_BYTES = (long) COLUMNS * STRIP_BYTES;

  /** One thread's room: strips of the columns, and which of them, with which factors, each vector takes. */
  private static final class Room {
    final MemorySegment strips = Arena.ofAuto().allocate(ROOM_BYTES, 64);
    final long[] taken = new long[VECTORS * COLUMNS]; // addresses of strips
    final float[] factors = new float[VECTORS * COLUMNS];
    final int[] counts = new int[VECTORS];

    /** Lists what is not 0; without a branch, for which they are is too irregular to foresee. */
    void list(float[] h, int hOffset, int hStride, int columnCount, int vectors) {
      for (int t = 0; t < vectors; t++) {
        int first = t * COLUMNS;
        int count = 0;
        for (int i = 0; i < columnCount; i++) {
          float a = h[hOffset + i * hStride + t];
          taken[first + count] = strips.address() + (long) i * STRIP_BYTES;
          factors[first + count] = a;
          count += a != 0 ? 1 : 0;
        }
        counts[t] = count;
      }
    }

    void copyStrips(float[] columns, int offset, int columnCount, int n) {
      for (int i = 0; i < columnCount; i++) {
        copy(columns, offset + i * n, strips.address() + (long) i * STRIP_BYTES);
      }
    }
  }

  private static final ThreadLocal<Room> ROOM = ThreadLocal.withInitial(Room::new);

  private VectorColumnTiles() {}

  /** Handles leading elements of every column, a multiple of 8; returns how many, the caller adds the rest. */
  static int axpy(
      float[] columns,
      int columnOffset,
      int columnCount,
      float[] h,
      int hOffset,
      int hStride,
      float[] ys,
      int yOffset,
      int vectorCount,
      int n) {
    int stripped = n - n % STRIP;
    if (vectorCount >= FEW && stripped > 0) {
      addStrips(columns, columnOffset, columnCount, h, hOffset, hStride, ys, yOffset, vectorCount,
          n, stripped);
    } else {
      for (int t = 0; t < vectorCount && n > 0; t++) {
        for (int d = 0; d < stripped; d += 32) {
          add32(columns, columnOffset + d, columnCount, h, hOffset + t, hStride, ys,
              yOffset + t * n + d, n);
        }
      }
    }
    int d = stripped;
    for (; d + 8 <= n; d += 8) {
      for (int t = 0; t < vectorCount; t++) {
        add8(columns, columnOffset + d, columnCount, h, hOffset + t, hStride, ys,
            yOffset + t * n + d, n);
      }
    }
    return d;
  }

  private static void addStrips(
      float[] columns, int columnOffset, int columnCount, float[] h, int hOffset, int hStride,
      float[] ys, int yOffset, int vectorCount, int n, int stripped) {
    Room room = ROOM.get();
    for (int t = 0; t < vectorCount; t += VECTORS) {
      int vectors = Math.min(VECTORS, vectorCount - t);
      for (int c = 0; c == 0 || c < columnCount; c += COLUMNS) { // none still store +0 for −0
        int some = Math.min(COLUMNS, columnCount - c);
        room.list(h, hOffset + c * hStride + t, hStride, some, vectors);
        for (int d = 0; d < stripped; d += STRIP) {
          room.copyStrips(columns, columnOffset + c * n + d, some, n);
          for (int v = 0; v < vectors; v++) {
            add64(room.taken, room.factors, v * COLUMNS, room.counts[v], ys,
                yOffset + (t + v) * n + d);
          }
        }
      }
    }
  }

  private static void copy(float[] column, int offset, long target) {
    long to = NativeMemory.bounded(target);
    for (int i = 0; i < STRIP; i += 8) {
      FloatVector.fromArray(FLOATS, column, offset + i)
          .intoMemorySegment(ALL, to + (long) Float.BYTES * i, ORDER);
    }
  }

  private static void add64(
      long[] taken, float[] factors, int first, int count, float[] ys, int yo) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, ys, yo);
    FloatVector y1 = FloatVector.fromArray(FLOATS, ys, yo + 8);
    FloatVector y2 = FloatVector.fromArray(FLOATS, ys, yo + 16);
    FloatVector y3 = FloatVector.fromArray(FLOATS, ys, yo + 24);
    FloatVector y4 = FloatVector.fromArray(FLOATS, ys, yo + 32);
    FloatVector y5 = FloatVector.fromArray(FLOATS, ys, yo + 40);
    FloatVector y6 = FloatVector.fromArray(FLOATS, ys, yo + 48);
    FloatVector y7 = FloatVector.fromArray(FLOATS, ys, yo + 56);
    for (int k = first; k < first + count; k++) {
      FloatVector a = FloatVector.broadcast(FLOATS, factors[k]);
      long p = NativeMemory.bounded(taken[k]);
      y0 = a.fma(floats(p), y0);
      y1 = a.fma(floats(p + 32), y1);
      y2 = a.fma(floats(p + 64), y2);
      y3 = a.fma(floats(p + 96), y3);
      y4 = a.fma(floats(p + 128), y4);
      y5 = a.fma(floats(p + 160), y5);
      y6 = a.fma(floats(p + 192), y6);
      y7 = a.fma(floats(p + 224), y7);
    }
    y0.add(0f).intoArray(ys, yo);
    y1.add(0f).intoArray(ys, yo + 8);
    y2.add(0f).intoArray(ys, yo + 16);
    y3.add(0f).intoArray(ys, yo + 24);
    y4.add(0f).intoArray(ys, yo + 32);
    y5.add(0f).intoArray(ys, yo + 40);
    y6.add(0f).intoArray(ys, yo + 48);
    y7.add(0f).intoArray(ys, yo + 56);
  }

  private static void add32(
      float[] c, int co, int columnCount, float[] h, int ho, int hStride, float[] ys, int yo,
      int n) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, ys, yo);
    FloatVector y1 = FloatVector.fromArray(FLOATS, ys, yo + 8);
    FloatVector y2 = FloatVector.fromArray(FLOATS, ys, yo + 16);
    FloatVector y3 = FloatVector.fromArray(FLOATS, ys, yo + 24);
    for (int i = 0; i < columnCount; i++) {
      float a = h[ho + i * hStride];
      if (a != 0) {
        FloatVector b = FloatVector.broadcast(FLOATS, a);
        int p = co + i * n;
        y0 = b.fma(FloatVector.fromArray(FLOATS, c, p), y0);
        y1 = b.fma(FloatVector.fromArray(FLOATS, c, p + 8), y1);
        y2 = b.fma(FloatVector.fromArray(FLOATS, c, p + 16), y2);
        y3 = b.fma(FloatVector.fromArray(FLOATS, c, p + 24), y3);
      }
    }
    y0.add(0f).intoArray(ys, yo);
    y1.add(0f).intoArray(ys, yo + 8);
    y2.add(0f).intoArray(ys, yo + 16);
    y3.add(0f).intoArray(ys, yo + 24);
  }

  private static void add8(
      float[] c, int co, int columnCount, float[] h, int ho, int hStride, float[] ys, int yo,
      int n) {
    FloatVector y = FloatVector.fromArray(FLOATS, ys, yo);
    for (int i = 0; i < columnCount; i++) {
      float a = h[ho + i * hStride];
      if (a != 0) {
        y = FloatVector.broadcast(FLOATS, a).fma(FloatVector.fromArray(FLOATS, c, co + i * n), y);
      }
    }
    y.add(0f).intoArray(ys, yo);
  }
}
