package dev.sluice.bundler.checkpoint;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Transposes matrices of bytes in squares of eight by eight, each held in eight longs whose bytes change places three times:
 * single ones, pairs, fours (the halving exchange of Warren, "Hacker's Delight", 7-3, on bytes in place of bits). Stateless.
 */
final class ByteTransposition {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long EVEN_BYTES = 0x00ff_00ff_00ff_00ffL;
  private static final long EVEN_PAIRS = 0x0000_ffff_0000_ffffL;
  private static final long LOWER_FOUR = 0x0000_0000_ffff_ffffL;
  private static final int SIDE = 8;

  private ByteTransposition() {}

  /**
   * target[column · rows + row] = source[from + row · stride + column].
   *
   * @param stride bytes from one row of the source to the next, at least {@code columns}
   * @param columns a multiple of 8
   */
  static void transpose(
      byte[] source, int from, int stride, int rows, int columns, byte[] target) {
    int wholeRows = rows / SIDE * SIDE;
    for (int row = 0; row < wholeRows; row += SIDE) {
      for (int column = 0; column < columns; column += SIDE) {
        square(source, from + row * stride + column, stride, target, column * rows + row, rows);
      }
    }
    for (int row = wholeRows; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        target[column * rows + row] = source[from + row * stride + column];
      }
    }
  }

  private static void square(byte[] source, int from, int fromStride, byte[] target, int to,
      int toStride) {
    long a = (long) LONG.get(source, from);
    long b = (long) LONG.get(source, from + fromStride);
    long c = (long) LONG.get(source, from + 2 * fromStride);
    long d = (long) LONG.get(source, from + 3 * fromStride);
    long e = (long) LONG.get(source, from + 4 * fromStride);
    long f = (long) LONG.get(source, from + 5 * fromStride);
    long g = (long) LONG.get(source, from + 6 * fromStride);
    long h = (long) LONG.get(source, from + 7 * fromStride);

    long ab = (a >>> 8 ^ b) & EVEN_BYTES;
    a ^= ab << 8;
    b ^= ab;
    long cd = (c >>> 8 ^ d) & EVEN_BYTES;
    c ^= cd << 8;
    d ^= cd;
    long ef = (e >>> 8 ^ f) & EVEN_BYTES;
    e ^= ef << 8;
    f ^= ef;
    long gh = (g >>> 8 ^ h) & EVEN_BYTES;
    g ^= gh << 8;
    h ^= gh;

    long ac = (a >>> 16 ^ c) & EVEN_PAIRS;
    a ^= ac << 16;
    c ^= ac;
    long bd = (b >>> 16 ^ d) & EVEN_PAIRS;
    b ^= bd << 16;
    d ^= bd;
    long eg = (e >>> 16 ^ g) & EVEN_PAIRS;
    e ^= eg << 16;
    g ^= eg;
    long fh = (f >>> 16 ^ h) & EVEN_PAIRS;
    f ^= fh << 16;
    h ^= fh;

    LONG.set(target, to, a & LOWER_FOUR | e << 32);
    LONG.set(target, to + toStride, b & LOWER_FOUR | f << 32);
    LONG.set(target, to + 2 * toStride, c & LOWER_FOUR | g << 32);
    LONG.set(target, to + 3 * toStride, d & LOWER_FOUR | h << 32);
    LONG.set(target, to + 4 * toStride, a >>> 32 | e & ~LOWER_FOUR);
    LONG.set(target, to + 5 * toStride, b >>> 32 | f & ~LOWER_FOUR);
    LONG.set(target, to + 6 * toStride, c >>> 32 | g & ~LOWER_FOUR);
    LONG.set(target, to + 7 * toStride, d >>> 32 | h & ~LOWER_FOUR);
  }
}
