package dev.sluice.bundler.predictor;

import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of row-major float32 matrices, on all cores. Every element is one chain of fused multiply-adds in ascending
 * order, so results do not depend on threads, tiles or vectors.
 */
public final class Products {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_256;
  private static final int LANES = 8;
  private static final int TILE_COLS = 2 * LANES;
  private static final int TILE_ROWS = 4;
  private static final int BLOCK_ROWS = 64;
  private static final int DEPTH = 256; // of a packed panel: 16 KiB

  private Products() {}

  /** c += a·b, for a of m × k and b of k × n. */
  static void add(float[] a, int m, int k, float[] b, int n, float[] c) {
    int rows = Math.clamp((m + 31) / 32 * 4L, TILE_ROWS, BLOCK_ROWS); // at least eight blocks to share
    IntStream.range(0, (m + rows - 1) / rows).parallel()
        .forEach(block -> {
          float[] panel = new float[DEPTH * TILE_COLS];
          int from = block * rows;
          addRows(a, from, Math.min(m, from + rows), k, b, n, c, panel);
        });
  }

  /** a·b. */
  static float[] of(float[] a, int m, int k, float[] b, int n) {
    float[] c = new float[Math.multiplyExact(m, n)];
    add(a, m, k, b, n, c);
    return c;
  }

  /** Rows {@code from} up to {@code to} of c += a·b, on the calling thread. */
  public static void addRows(float[] a, int from, int to, int k, float[] b, int n, float[] c) {
    addRows(a, from, to, k, b, n, c, new float[DEPTH * TILE_COLS]);
  }

  private static void addRows(float[] a, int from, int to, int k, float[] b, int n, float[] c,
      float[] panel) {
    for (int depth = 0; depth < k; depth += DEPTH) {
      int some = Math.min(DEPTH, k - depth);
      for (int col = 0; col < n; col += TILE_COLS) {
        if (n - col < TILE_COLS) {
          edge(a, from, to, depth, some, k, b, col, n, c);
          continue;
        }
        for (int p = 0; p < some; p++) {
          System.arraycopy(b, (depth + p) * n + col, panel, p * TILE_COLS, TILE_COLS);
        }
        int row = from;
        for (; row + TILE_ROWS <= to; row += TILE_ROWS) {
          tile(a, row * k + depth, k, some, panel, c, row * n + col, n);
        }
        for (; row < to; row++) {
          line(a, row * k + depth, some, panel, c, row * n + col);
        }
      }
    }
  }

  private static void tile(float[] a, int aAt, int k, int depth, float[] panel, float[] c, int cAt,
      int n) {
    FloatVector c00 = FloatVector.fromArray(SPECIES, c, cAt);
    FloatVector c01 = FloatVector.fromArray(SPECIES, c, cAt + LANES);
    FloatVector c10 = FloatVector.fromArray(SPECIES, c, cAt + n);
    FloatVector c11 = FloatVector.fromArray(SPECIES, c, cAt + n + LANES);
    FloatVector c20 = FloatVector.fromArray(SPECIES, c, cAt + 2 * n);
    FloatVector c21 = FloatVector.fromArray(SPECIES, c, cAt + 2 * n + LANES);
    FloatVector c30 = FloatVector.fromArray(SPECIES, c, cAt + 3 * n);
    FloatVector c31 = FloatVector.fromArray(SPECIES, c, cAt + 3 * n + LANES);
    for (int p = 0; p < depth; p++) {
      FloatVector b0 = FloatVector.fromArray(SPECIES, panel, p * TILE_COLS);
      FloatVector b1 = FloatVector.fromArray(SPECIES, panel, p * TILE_COLS + LANES);
      FloatVector x = FloatVector.broadcast(SPECIES, a[aAt + p]);
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(SPECIES, a[aAt + k + p]);
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(SPECIES, a[aAt + 2 * k + p]);
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(SPECIES, a[aAt + 3 * k + p]);
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
    }
    c00.intoArray(c, cAt);
    c01.intoArray(c, cAt + LANES);
    c10.intoArray(c, cAt + n);
    c11.intoArray(c, cAt + n + LANES);
    c20.intoArray(c, cAt + 2 * n);
    c21.intoArray(c, cAt + 2 * n + LANES);
    c30.intoArray(c, cAt + 3 * n);
    c31.intoArray(c, cAt + 3 * n + LANES);
  }

  private static void line(float[] a, int aAt, int depth, float[] panel, float[] c, int cAt) {
    FloatVector c0 = FloatVector.fromArray(SPECIES, c, cAt);
    FloatVector c1 = FloatVector.fromArray(SPECIES, c, cAt + LANES);
    for (int p = 0; p < depth; p++) {
      FloatVector x = FloatVector.broadcast(SPECIES, a[aAt + p]);
      c0 = x.fma(FloatVector.fromArray(SPECIES, panel, p * TILE_COLS), c0);
      c1 = x.fma(FloatVector.fromArray(SPECIES, panel, p * TILE_COLS + LANES), c1);
    }
    c0.intoArray(c, cAt);
    c1.intoArray(c, cAt + LANES);
  }

  /** The last columns, fewer than a tile's. */
  private static void edge(float[] a, int from, int to, int depth, int some, int k, float[] b,
      int col, int n, float[] c) {
    for (int row = from; row < to; row++) {
      for (int j = col; j < n; j++) {
        float sum = c[row * n + j];
        for (int p = depth; p < depth + some; p++) {
          sum = Math.fma(a[row * k + p], b[p * n + j], sum);
        }
        c[row * n + j] = sum;
      }
    }
  }

  /** a transposed, for a of rows × cols. */
  public static float[] transpose(float[] a, int rows, int cols) {
    float[] result = new float[a.length];
    int block = 16;
    for (int r = 0; r < rows; r += block) {
      for (int c = 0; c < cols; c += block) {
        for (int i = r; i < Math.min(rows, r + block); i++) {
          for (int j = c; j < Math.min(cols, c + block); j++) {
            result[j * rows + i] = a[i * cols + j];
          }
        }
      }
    }
    return result;
  }
}
