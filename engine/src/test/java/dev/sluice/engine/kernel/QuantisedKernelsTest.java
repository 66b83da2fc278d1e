package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.storage.tensor.TensorDecoder;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights whose elements are no floats of their own: the same rules, to the bit. */
final class QuantisedKernelsTest {
  private static final List<TensorType> TYPES =
      List.of(TensorType.I8, TensorType.U4, TensorType.Q8_0, TensorType.Q4_0, TensorType.Q4_1);
  private static final List<TensorType> COLUMNS =
      List.of(TensorType.I8, TensorType.U4, TensorType.F16, TensorType.BF16, TensorType.F32,
          TensorType.Q8_0, TensorType.Q4_0);

  static Stream<Kernels> kernels() {
    return Stream.of(Kernels.scalar(), new VectorKernels());
  }

  static Stream<Arguments> kernelsAndTypes() {
    return kernels().flatMap(k -> TYPES.stream().map(t -> Arguments.of(k, t)));
  }

  static Stream<Arguments> kernelsAndColumns() {
    return kernels().flatMap(k -> COLUMNS.stream().map(t -> Arguments.of(k, t)));
  }

  /** Lengths that are whole numbers of the type's blocks. */
  private static int[] lengths(TensorType type) {
    return IntStream.concat(
        IntStream.rangeClosed(0, 70), IntStream.of(96, 128, 256, 288, 544, 2560, 2566))
        .filter(n -> n % type.blockElements() == 0)
        .toArray();
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void rowsFollowTheCanonicalSumOfTheirExactWeights(Kernels kernels, TensorType type) {
    Random random = new Random(1);
    for (int n : lengths(type)) {
      try (Arena arena = Arena.ofConfined()) {
        int before = type.blockElements();
        MemorySegment weights = Samples.weights(arena, type, random, before + 2 * n);
        long at = type.bytes(before);
        float[] natural = new float[2 * n];
        for (int i = 0; i < 2 * n; i++) {
          natural[i] = Samples.weight(type, weights, before + i);
        }
        float[] rows = new float[2 * n + 1];
        kernels.arrange(type, natural, 0, rows, 1, n);
        kernels.arrange(type, natural, n, rows, 1 + n, n);
        float[] x = Samples.floats(random, n + 2);
        float[] expected = new float[2];
        expected[0] = Samples.canonicalDot(rows, 1, x, 2, n);
        expected[1] = Samples.canonicalDot(rows, 1 + n, x, 2, n);

        float[] single = {
          kernels.dot(type, weights, at, x, 2, n),
          kernels.dot(type, weights, at + type.bytes(n), x, 2, n)
        };
        assertArrayEquals(Samples.bits(expected), Samples.bits(single), "dot " + n);
        float[] out = new float[2];
        kernels.dots(type, weights, at, type.bytes(n), 2, x, 2, out, 0, n);
        assertArrayEquals(Samples.bits(expected), Samples.bits(out), "dots " + n);
        long[] offsets = {-1, at + type.bytes(n), at};
        kernels.dotsAt(type, weights, offsets, 1, 2, x, 2, out, 0, n);
        assertArrayEquals(
            new int[] {Samples.bits(expected[1]), Samples.bits(expected[0])}, Samples.bits(out),
            "scattered " + n);

        float[] widened = new float[2 * n + 1];
        kernels.widen(type, weights, at, widened, 1, n);
        kernels.widen(type, weights, at + type.bytes(n), widened, 1 + n, n);
        assertArrayEquals(Samples.bits(rows), Samples.bits(widened), "widen " + n);
        kernels.dotTile(widened, 1, 2, x, 2, 1, out, 0, 1, n);
        assertArrayEquals(Samples.bits(expected), Samples.bits(out), "tile " + n);

        float[] y = Samples.floats(random, n + 2);
        float[] sums = y.clone();
        for (int i = 0; i < n; i++) {
          y[2 + i] = Math.fma(-1.7f, rows[1 + i], y[2 + i]) + 0f;
        }
        kernels.axpy(type, -1.7f, weights, at, sums, 2, n);
        assertArrayEquals(Samples.bits(y), Samples.bits(sums), "axpy " + n);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void everyTypeOfAFileIsSummedOverItsDecodedWeights(Kernels kernels) {
    Random random = new Random(11);
    for (TensorType type : TensorType.values()) {
      if (type == TensorType.I8 || type == TensorType.U4 || type == TensorType.I4) {
        continue; // have no decoder
      }
      for (int n : new int[] {256, 768}) {
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment weights = arena.allocate(type.bytes(n) + 1).asSlice(1);
          for (long i = 0; i < weights.byteSize(); i++) { // 0xbb: no exponent is near its largest
            weights.set(ValueLayout.JAVA_BYTE, i, (byte) (random.nextInt() & 0xbb));
          }
          float[] natural = new float[n];
          TensorDecoder.decode(type, weights, 0, natural, 0, n);
          float[] row = new float[n];
          kernels.arrange(type, natural, 0, row, 0, n);
          float[] widened = new float[n];
          kernels.widen(type, weights, 0, widened, 0, n);
          assertArrayEquals(Samples.bits(row), Samples.bits(widened), type + " widened");
          float[] x = Samples.floats(random, n);
          assertEquals(Samples.bits(Samples.canonicalDot(row, 0, x, 0, n)),
              Samples.bits(kernels.dot(type, weights, 0, x, 0, n)), type + " dot");
          float[] y = Samples.floats(random, n);
          float[] sums = y.clone();
          kernels.axpy(0.3f, row, 0, y, 0, n);
          kernels.axpysAt(type, new float[] {0.3f}, 0, weights, new long[1], 0, 1, sums, 0, 0, n);
          assertArrayEquals(Samples.bits(y), Samples.bits(sums), type + " axpy");
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void arrangedActivationsGiveTheSumOfNaturalOnes(Kernels kernels, TensorType type) {
    Random random = new Random(5);
    for (int n : lengths(type)) {
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
        float[] back = new float[n];
        kernels.restore(type, arranged, 0, back, 0, n);
        assertArrayEquals(x, back);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void manyRowsGiveTheBitsOfSingleOnesWhateverTheActivations(Kernels kernels) {
    Random random = new Random(6);
    int n = 96;
    for (TensorType type : List.of(TensorType.F32, TensorType.F16, TensorType.BF16, TensorType.Q8_0,
        TensorType.Q4_0, TensorType.Q4_1)) {
      for (int rows : new int[] {7, 8, 9, 12, 15, 33, 127, 128, 261}) {
        for (float largest : new float[] {1, 0x1p14f, 0x1p16f, 0x1p100f, Float.NaN}) {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment weights = Samples.weights(arena, type, random, rows * n);
            float[] x = Samples.floats(random, n + 5);
            x[5 + random.nextInt(n)] = largest;
            float[] expected = new float[rows];
            long[] offsets = new long[rows];
            for (int r = 0; r < rows; r++) {
              offsets[r] = type.bytes((long) r * n);
              expected[r] = kernels.dot(type, weights, offsets[r], x, 5, n);
            }
            float[] out = new float[rows];
            kernels.dots(type, weights, 0, type.bytes(n), rows, x, 5, out, 0, n);
            assertArrayEquals(expected, out, type + ": " + rows + " rows, " + largest);
            kernels.dotsAt(type, weights, offsets, 0, rows, x, 5, out, 0, n);
            assertArrayEquals(expected, out, type + ": " + rows + " rows, " + largest);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndColumns")
  void scatteredColumnsAddUpOneByOneWhereverYIsCut(Kernels kernels, TensorType type) {
    Random random = new Random(7);
    for (int n : new int[] {0, 14, 64, 96, 192, 206, 2560}) {
      if (n % type.blockElements() != 0) {
        continue;
      }
      for (int columns = 0; columns <= 9; columns++) {
        try (Arena arena = Arena.ofConfined()) {
          int block = type.blockElements();
          MemorySegment weights =
              Samples.weights(arena, type, random, columns * (n + block) + block);
          long[] offsets = new long[columns + 2];
          for (int c = 0; c < columns; c++) { // backwards, a block apart
            offsets[1 + c] = type.bytes((long) (columns - 1 - c) * (n + block) + block);
          }
          float[] a = Samples.floats(random, columns + 3);
          a[random.nextInt(a.length)] = random.nextBoolean() ? 0x1p15f : -0x1p100f;
          float[] start = Samples.floats(random, n + 5);
          float[] expected = start.clone();
          for (int c = 0; c < columns; c++) {
            kernels.axpy(type, a[2 + c], weights, offsets[1 + c], expected, 4, n);
          }
          float[] whole = start.clone();
          kernels.axpysAt(type, a, 2, weights, offsets, 1, columns, whole, 4, 0, n);
          float[] parts = start.clone();
          int cut = n / 128 * 64;
          kernels.axpysAt(type, a, 2, weights, offsets, 1, columns, parts, 4, cut, n);
          kernels.axpysAt(type, a, 2, weights, offsets, 1, columns, parts, 4, 0, cut);
          if (columns > 0) { // without columns nothing is stored
            assertArrayEquals(Samples.bits(expected), Samples.bits(whole), n + " x " + columns);
            assertArrayEquals(Samples.bits(expected), Samples.bits(parts), n + " x " + columns);
          } else {
            assertArrayEquals(Samples.bits(start), Samples.bits(whole));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndColumns")
  void blocksCloseWithTheScalesOfTheirOutputs(Kernels kernels, TensorType columns) {
    Random random = new Random(8);
    for (TensorType scaleType : List.of(TensorType.F16, TensorType.F32)) {
      for (int n : new int[] {0, 14, 64, 96, 206, 2560}) {
        if (n % columns.blockElements() != 0) {
          continue;
        }
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment scales = Samples.weights(arena, scaleType, random, n + 3);
          float[] natural = new float[n];
          for (int i = 0; i < n; i++) {
            natural[i] = Samples.weight(scaleType, scales, 3 + i);
          }
          float[] arranged = new float[n];
          kernels.arrange(columns, natural, 0, arranged, 0, n);
          float[] sums = Samples.floats(random, n + 1);
          float[] y = Samples.floats(random, n + 2);
          float[] closed = y.clone();
          for (int i = 0; i < n; i++) {
            y[2 + i] = Math.fma(arranged[i], sums[1 + i], y[2 + i]) + 0f;
          }
          int cut = n / 128 * 64;
          long at = scaleType.bytes(3);
          float first = sums[0];
          kernels.closeBlock(columns, scaleType, scales, at, sums, 1, closed, 2, cut, n);
          kernels.closeBlock(columns, scaleType, scales, at, sums, 1, closed, 2, 0, cut);
          assertArrayEquals(Samples.bits(y), Samples.bits(closed), "scales " + n);
          float[] empty = new float[n + 1];
          empty[0] = first;
          assertArrayEquals(Samples.bits(empty), Samples.bits(sums), "sums " + n);

          for (int i = 0; i < n; i++) {
            y[2 + i] = Math.fma(0.7f, arranged[i], y[2 + i]) + 0f;
          }
          kernels.addMinimums(columns, scaleType, 0.7f, scales, at, closed, 2, cut, n);
          kernels.addMinimums(columns, scaleType, 0.7f, scales, at, closed, 2, 0, cut);
          assertArrayEquals(Samples.bits(y), Samples.bits(closed), "minimums " + n);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndColumns")
  void blocksInOnePassHaveTheBitsOfColumnsAndScalesApart(Kernels kernels, TensorType type) {
    Random random = new Random(12);
    for (TensorType scaleType : List.of(TensorType.F16, TensorType.F32)) {
      for (int n : new int[] {0, 14, 64, 192, 206, 2560}) {
        if (n % type.blockElements() != 0) {
          continue;
        }
        for (int columns : new int[] {0, 1, 3, 40}) {
          try (Arena arena = Arena.ofConfined()) {
            int block = type.blockElements();
            MemorySegment weights =
                Samples.weights(arena, type, random, columns * (n + block) + block);
            BlockScales scales =
                new BlockScales(scaleType,
                    Samples.weights(arena, scaleType, random, 4 * n + 3), scaleType.bytes(3), n, 8);
            int[] neurons = random.ints(0, 32).distinct().limit(Math.min(columns, 20)).sorted()
                .toArray();
            long[] offsets = new long[neurons.length];
            for (int c = 0; c < neurons.length; c++) { // backwards, a block apart
              offsets[c] = type.bytes((long) (neurons.length - 1 - c) * (n + block) + block);
            }
            float[] a = Samples.floats(random, neurons.length);
            float[] expected = Samples.floats(random, n);
            float[] y = expected.clone();
            float[] sums = new float[n];
            for (int c = 0; c < neurons.length;) {
              int end = c + 1;
              while (end < neurons.length && neurons[end] / 8 == neurons[c] / 8) {
                end++;
              }
              kernels.axpysAt(type, a, c, weights, offsets, c, end - c, sums, 0, 0, n);
              kernels.closeBlock(type, scaleType, scales.memory(),
                  scaleType.bytes(3 + (long) neurons[c] / 8 * n), sums, 0, expected, 0, 0, n);
              c = end;
            }
            float[] scratch = Samples.floats(random, n);
            int whole = 0;
            while (whole < neurons.length && neurons[whole] < 16) {
              whole++;
            }
            kernels.addBlocksAt(type, 0, whole, neurons, a, weights, offsets, scales, scratch, y,
                n);
            kernels.addBlocksAt(type, whole, neurons.length - whole, neurons, a, weights, offsets,
                scales, scratch, y, n);
            assertArrayEquals(Samples.bits(expected), Samples.bits(y), n + " x " + columns);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void closedBlocksAreTheProductWithTheWholeColumns(Kernels kernels) {
    Random random = new Random(9);
    int n = 192;
    int neurons = 32;
    try (Arena arena = Arena.ofConfined()) {
      for (TensorType type : List.of(TensorType.I8, TensorType.U4)) {
        MemorySegment columns = Samples.weights(arena, type, random, neurons * n);
        MemorySegment scales = Samples.weights(arena, TensorType.F16, random, 2 * n);
        long[] offsets = new long[neurons];
        double[] exact = new double[n];
        double[] magnitude = new double[n];
        float[] h = Samples.floats(random, neurons);
        float factors = 0;
        for (int i = 0; i < neurons; i++) {
          offsets[i] = type.bytes((long) i * n);
          factors += h[i];
          for (int j = 0; j < n; j++) {
            double scaled =
                (double) Samples.weight(TensorType.F16, scales, j)
                    * Samples.weight(type, columns, i * n + j);
            double minimum = Samples.weight(TensorType.F16, scales, n + j);
            exact[j] += h[i] * (scaled + minimum);
            magnitude[j] += Math.abs(h[i]) * (Math.abs(scaled) + Math.abs(minimum));
          }
        }
        float[] sums = new float[n];
        float[] y = new float[n];
        kernels.axpysAt(type, h, 0, columns, offsets, 0, neurons, sums, 0, 0, n);
        kernels.closeBlock(type, TensorType.F16, scales, 0, sums, 0, y, 0, 0, n);
        kernels.addMinimums(type, TensorType.F16, factors, scales, 2L * n, y, 0, 0, n);
        float[] outputs = new float[n];
        kernels.restore(type, y, 0, outputs, 0, n);
        for (int j = 0; j < n; j++) {
          assertEquals(exact[j], outputs[j], (neurons + 3) * 0x1p-24 * magnitude[j] + 1e-40);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void rangesThatDoNotFitAreRefused(Kernels kernels) {
    float[] x = new float[64];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment w = arena.allocate(64);
      assertThrows(IllegalArgumentException.class,
          () -> kernels.dot(TensorType.Q8_0, w, 0, x, 0, 33));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.dot(TensorType.Q8_0, w, 31, x, 0, 32));
      for (long[] offsets : new long[][] {{0, 33}, {0, -1}, {0}}) {
        assertThrows(IndexOutOfBoundsException.class,
            () -> kernels.dotsAt(TensorType.I8, w, offsets, 0, 2, x, 0, x, 0, 32));
        assertThrows(IndexOutOfBoundsException.class,
            () -> kernels.axpysAt(TensorType.I8, x, 0, w, offsets, 0, 2, x, 0, 0, 32));
      }
      long[] fits = {0, 32};
      kernels.axpysAt(TensorType.I8, x, 0, w, fits, 0, 2, x, 32, 16, 32);
      assertThrows(IndexOutOfBoundsException.class, // a part that begins inside a block
          () -> kernels.axpysAt(TensorType.I8, x, 0, w, fits, 0, 2, x, 0, 8, 32));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.axpysAt(TensorType.Q8_0, x, 0, w, fits, 0, 1, x, 0, 16, 32));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.axpysAt(TensorType.I8, x, 0, w, fits, 0, 2, x, 33, 0, 32));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.axpysAt(TensorType.I8, x, 63, w, fits, 0, 2, x, 0, 0, 32));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.closeBlock(TensorType.I8, TensorType.F16, w, 2, x, 0, x, 32, 0, 32));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.addMinimums(TensorType.I8, TensorType.F32, 1, w, 0, x, 32, 0, 32));
      assertThrows(IllegalArgumentException.class,
          () -> kernels.closeBlock(TensorType.I8, TensorType.BF16, w, 0, x, 0, x, 32, 0, 32));
    }
  }
}
