package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What every implementation owes, to the bit. */
final class KernelsTest {
  private static final List<TensorType> FLOATS =
      List.of(TensorType.F32, TensorType.F16, TensorType.BF16);

  private static final int FROZEN = 1150706421;

  static Stream<Kernels> kernels() {
    return Stream.of(Kernels.scalar(), new VectorKernels());
  }

  static Stream<Arguments> kernelsAndTypes() {
    return kernels().flatMap(k -> FLOATS.stream().map(t -> Arguments.of(k, t)));
  }

  private static IntStream lengths() {
    return IntStream.concat(IntStream.rangeClosed(0, 70), IntStream.of(256, 2560, 2565));
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void singleRowsFollowTheCanonicalSum(Kernels kernels, TensorType type) {
    Random random = new Random(1);
    lengths()
        .forEach(
            n -> {
              try (Arena arena = Arena.ofConfined()) {
                MemorySegment weights = Samples.weights(arena, type, random, n + 3);
                float[] natural = new float[n];
                for (int i = 0; i < n; i++) {
                  natural[i] = Samples.weight(type, weights, i + 3);
                }
                float[] row = new float[n + 1];
                kernels.arrange(type, natural, 0, row, 1, n);
                float[] x = Samples.floats(random, n + 2);
                long offsetBytes = type.bytes(3);

                float expected = Samples.canonicalDot(row, 1, x, 2, n);
                assertEquals(
                    Samples.bits(expected),
                    Samples.bits(kernels.dot(type, weights, offsetBytes, x, 2, n)), "dot " + n);
                assertEquals(Samples.bits(expected), Samples.bits(kernels.dot(row, 1, x, 2, n)),
                    "float dot " + n);
                assertEquals(
                    Samples.bits(Samples.canonicalDot(x, 2, x, 2, n)),
                    Samples.bits(kernels.sumOfSquares(x, 2, n)),
                    "squares " + n);

                float[] widened = new float[n + 1];
                kernels.widen(type, weights, offsetBytes, widened, 1, n);
                assertArrayEquals(Samples.bits(row), Samples.bits(widened), "widen " + n);

                float[] y = Samples.floats(random, n + 2);
                float[] sums = y.clone();
                float[] again = y.clone();
                for (int i = 0; i < n; i++) {
                  y[2 + i] = Math.fma(-1.7f, row[1 + i], y[2 + i]) + 0f;
                }
                kernels.axpy(type, -1.7f, weights, offsetBytes, sums, 2, n);
                kernels.axpy(-1.7f, row, 1, again, 2, n);
                assertArrayEquals(Samples.bits(y), Samples.bits(sums), "axpy " + n);
                assertArrayEquals(Samples.bits(y), Samples.bits(again), "float axpy " + n);
              }
            });
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void rowsGiveTheBitsOfSingleRows(Kernels kernels, TensorType type) {
    Random random = new Random(2);
    for (int n : new int[] {5, 16, 48, 67, 256}) {
      for (int rows = 0; rows < 7; rows++) {
        try (Arena arena = Arena.ofConfined()) {
          int stride = n + 3;
          MemorySegment weights = Samples.weights(arena, type, random, rows * stride + 1);
          float[] x = Samples.floats(random, n);
          float[] out = new float[rows + 2];
          kernels.dots(type, weights, type.bytes(1), type.bytes(stride), rows, x, 0, out, 1, n);
          for (int r = 0; r < rows; r++) {
            float single = kernels.dot(type, weights, type.bytes(1 + r * stride), x, 0, n);
            assertEquals(Samples.bits(single), Samples.bits(out[1 + r]));
          }
          assertEquals(0f, out[0]);
          assertEquals(0f, out[rows + 1]);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void dotTilesGiveTheBitsOfSingleDots(Kernels kernels) {
    Random random = new Random(3);
    for (int n : new int[] {0, 7, 16, 40, 64, 256}) {
      for (int rows = 0; rows <= 8; rows++) {
        for (int xs = 0; xs <= 9; xs++) {
          assertTileIsSingleDots(kernels, random, n, rows, xs);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void tilesOfManyRowsAndElementsGiveTheBitsOfSingleDots(Kernels kernels) {
    Random random = new Random(5);
    for (int n : new int[] {512, 528, 1040}) {
      for (int rows : new int[] {32, 37, 70}) {
        for (int xs : new int[] {64, 71}) {
          assertTileIsSingleDots(kernels, random, n, rows, xs);
        }
      }
    }
  }

  private static void assertTileIsSingleDots(
      Kernels kernels, Random random, int n, int rows, int xs) {
    float[] a = Samples.floats(random, rows * n + 1);
    float[] x = Samples.floats(random, xs * n + 2);
    int outStride = xs + 2;
    float[] out = new float[rows * outStride + 3];
    float[] expected = out.clone();
    for (int r = 0; r < rows; r++) {
      for (int t = 0; t < xs; t++) {
        expected[3 + r * outStride + t] = Samples.canonicalDot(a, 1 + r * n, x, 2 + t * n, n);
      }
    }
    kernels.dotTile(a, 1, rows, x, 2, xs, out, 3, outStride, n);
    assertArrayEquals(Samples.bits(expected), Samples.bits(out), n + ": " + rows + " x " + xs);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void axpyTilesGiveTheBitsOfSingleAdditions(Kernels kernels) {
    Random random = new Random(4);
    for (int n : new int[] {0, 3, 8, 63, 64, 77, 200}) {
      for (int columnCount : new int[] {0, 1, 9, 32, 45}) {
        for (int tokens : new int[] {0, 1, 3, 4, 66}) {
          float[] columns = Samples.floats(random, columnCount * n + 1);
          int hStride = tokens + 1;
          float[] h = Samples.floats(random, columnCount * hStride + 2);
          for (int i = 0; i < h.length; i++) {
            h[i] = random.nextBoolean() ? 0f : h[i];
          }
          float[] ys = Samples.floats(random, tokens * n + 3);
          float[] expected = ys.clone();
          for (int t = 0; t < tokens; t++) {
            for (int d = 0; d < n; d++) {
              float y = expected[3 + t * n + d];
              for (int i = 0; i < columnCount; i++) {
                y = Math.fma(h[2 + i * hStride + t], columns[1 + i * n + d], y);
              }
              expected[3 + t * n + d] = y + 0f;
            }
          }
          kernels.axpyTile(columns, 1, columnCount, h, 2, hStride, ys, 3, tokens, n);
          assertArrayEquals(Samples.bits(expected), Samples.bits(ys),
              n + ": " + columnCount + " x " + tokens);

          float[] single = new float[n];
          float[] tile = new float[n];
          if (tokens > 0) {
            for (int i = 0; i < columnCount; i++) {
              if (h[2 + i * hStride] != 0) {
                kernels.axpy(h[2 + i * hStride], columns, 1 + i * n, single, 0, n);
              }
            }
            kernels.axpyTile(columns, 1, columnCount, h, 2, hStride, tile, 0, 1, n);
            assertArrayEquals(Samples.bits(single), Samples.bits(tile));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void arrangeSplitsBlocksAndRestoreUndoesIt(Kernels kernels, TensorType type) {
    lengths()
        .forEach(
            n -> {
              float[] x = new float[n];
              for (int i = 0; i < n; i++) {
                x[i] = i;
              }
              float[] arranged = new float[n + 1];
              kernels.arrange(type, x, 0, arranged, 1, n);
              for (int i = 0; i < n; i++) {
                boolean split = type != TensorType.F32 && i < n / 16 * 16;
                int place = split ? i / 16 * 16 + i % 2 * 8 + i % 16 / 2 : i;
                assertEquals(x[i], arranged[1 + place]);
              }
              float[] back = new float[n];
              kernels.restore(type, arranged, 1, back, 0, n);
              assertArrayEquals(x, back);
            });
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void dotsAreCloseToDoublePrecision(Kernels kernels, TensorType type) {
    Random random = new Random(5);
    for (int n : new int[] {1, 15, 64, 2560}) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment weights = Samples.weights(arena, type, random, n);
        float[] x = Samples.floats(random, n);
        float[] arranged = new float[n];
        kernels.arrange(type, x, 0, arranged, 0, n);
        double exact = 0;
        double magnitude = 0;
        for (int i = 0; i < n; i++) {
          double product = (double) Samples.weight(type, weights, i) * x[i];
          exact += product;
          magnitude += Math.abs(product);
        }
        // each product passes n/16 roundings in its partial sum and 4 in the tree
        double tolerance = (n / 16 + 5) * 0x1p-24 * magnitude + n * Float.MIN_VALUE;
        assertEquals(exact, kernels.dot(type, weights, 0, arranged, 0, n), tolerance);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void everyFinitePatternWidensExactly(Kernels kernels) {
    for (TensorType type : new TensorType[] {TensorType.F16, TensorType.BF16}) {
      int exponentMask = type == TensorType.F16 ? 0x7c00 : 0x7f80;
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment weights = arena.allocate(1 << 17);
        for (int i = 0; i < 1 << 16; i++) {
          weights.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
        }
        float[] arranged = new float[1 << 16];
        float[] row = new float[1 << 16];
        kernels.widen(type, weights, 0, arranged, 0, row.length);
        kernels.restore(type, arranged, 0, row, 0, row.length);
        for (int i = 0; i < row.length; i++) {
          if ((i & exponentMask) != exponentMask) {
            assertEquals(Samples.bits(Samples.weight(type, weights, i)), Samples.bits(row[i]),
                type + " " + i);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void compilationDoesNotChangeBits(Kernels kernels, TensorType type) {
    Random random = new Random(6);
    int n = 256;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = Samples.weights(arena, type, random, 3 * n);
      float[] x = Samples.floats(random, 4 * n);
      float[] y = Samples.floats(random, n);
      float[] first = allOf(kernels, type, weights, x, y, n);
      for (int call = 0; call < 20_000; call++) {
        float[] later = allOf(kernels, type, weights, x, y, n);
        assertArrayEquals(Samples.bits(first), Samples.bits(later), "call " + call);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void bitsAreThoseOfEveryOtherMachine(Kernels kernels) {
    Random random = new Random(10);
    int hash = 1;
    for (TensorType type : FLOATS) {
      try (Arena arena = Arena.ofConfined()) {
        int n = 272;
        MemorySegment weights = Samples.weights(arena, type, random, 3 * n);
        float[] x = Samples.floats(random, 4 * n);
        float[] out = allOf(kernels, type, weights, x, Samples.floats(random, n), n);
        for (Activation activation : Activation.values()) {
          kernels.activate(activation, x, activation.ordinal() * n, n);
        }
        out[0] = kernels.softmax(x, 1, x.length - 1);
        hash = 31 * (31 * hash + Arrays.hashCode(Samples.bits(out)))
            + Arrays.hashCode(Samples.bits(x));
      }
    }
    assertEquals(FROZEN, hash); // computed once; changes only with the arithmetic itself
  }

  /** Three dots, an axpy, a tile of 12 dots, a tile of additions. */
  private static float[] allOf(
      Kernels kernels, TensorType type, MemorySegment weights, float[] x, float[] y, int n) {
    float[] out = new float[15 + n];
    kernels.dots(type, weights, 0, type.bytes(n), 3, x, 0, out, 0, n);
    System.arraycopy(y, 0, out, 15, n);
    kernels.axpy(type, 0.3f, weights, 0, out, 15, n);
    float[] rows = new float[3 * n];
    for (int r = 0; r < 3; r++) {
      kernels.widen(type, weights, r * type.bytes(n), rows, r * n, n);
    }
    kernels.dotTile(rows, 0, 3, x, 0, 4, out, 3, 4, n);
    kernels.axpyTile(rows, 0, 3, x, 0, 1, out, 15, 1, n);
    return out;
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void wrongRangesAndMemoryAreRefused(Kernels kernels) {
    float[] x = new float[32];
    MemorySegment heap = MemorySegment.ofArray(new byte[64]);
    assertThrows(IllegalArgumentException.class,
        () -> kernels.dot(TensorType.F16, heap, 0, x, 0, 32));
    Arena arena = Arena.ofConfined();
    MemorySegment weights = arena.allocate(64);
    kernels.dot(TensorType.F16, weights, 0, x, 0, 32);
    assertThrows(IndexOutOfBoundsException.class,
        () -> kernels.dot(TensorType.F16, weights, 2, x, 0, 32));
    assertThrows(IndexOutOfBoundsException.class,
        () -> kernels.dot(TensorType.F16, weights, -2, x, 0, 16));
    assertThrows(IndexOutOfBoundsException.class,
        () -> kernels.dot(TensorType.F16, weights, 0, x, 1, 32));
    assertThrows(IndexOutOfBoundsException.class,
        () -> kernels.widen(TensorType.F32, weights, 0, x, 0, 17));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> kernels.axpy(TensorType.BF16, 1, weights, 40, x, 0, 16));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> kernels.dots(TensorType.F16, weights, 0, 40, 2, x, 0, x, 0, 16));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> kernels.dots(TensorType.F16, weights, 0, -32, 2, x, 0, x, 0, 16));
    assertThrows(IndexOutOfBoundsException.class,
        () -> kernels.dotTile(x, 0, 3, x, 0, 1, x, 0, 1, 16));
    assertThrows(IndexOutOfBoundsException.class,
        () -> kernels.axpyTile(x, 0, 1, x, 0, 1, x, 1, 2, 16));
    assertThrows(IndexOutOfBoundsException.class, () -> kernels.softmax(x, 1, 32));
    arena.close();
    assertThrows(IllegalStateException.class,
        () -> kernels.dot(TensorType.F16, weights, 0, x, 0, 16));
  }

  @Test
  void thisMachinesChoiceIsMadeOnce() {
    assertEquals(Kernels.best(), Kernels.best());
    assertEquals(
        VectorKernels.machineIsWideEnough() ? "vector-256" : "scalar", Kernels.best().name());
  }
}
