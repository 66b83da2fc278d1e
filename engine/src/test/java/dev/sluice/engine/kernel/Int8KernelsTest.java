package dev.sluice.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Quantised activations, and products of quantised rows with them. */
final class Int8KernelsTest {
  private static final int[] LENGTHS = {0, 32, 64, 96, 160, 256, 2560};

  static Stream<Kernels> kernels() {
    return Stream.of(Kernels.scalar(), new VectorKernels());
  }

  static Stream<Arguments> kernelsAndTypes() {
    return kernels().flatMap(
        k -> Stream.of(TensorType.values()).filter(Int8Vector::suits).map(t -> Arguments.of(k, t)));
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void activationsAreRoundedToTheNearestMultipleOfTheirScale(Kernels kernels) {
    Random random = new Random(1);
    Int8Vector x = new Int8Vector(2560);
    for (int n : LENGTHS) {
      float[] values = Samples.floats(random, n + 3);
      kernels.quantise(values, 3, n, x);
      assertEquals(n, x.length());
      for (int block = 0; block < n / 32; block++) {
        float most = 0;
        for (int i = 0; i < 32; i++) {
          most = Math.max(most, Math.abs(values[3 + 32 * block + i]));
        }
        assertEquals(most / 127, x.scale(block));
        for (int i = 32 * block; i < 32 * block + 32; i++) {
          double exact = values[3 + i] / (double) x.scale(block);
          assertEquals(exact, x.quant(i), 0.5 + 1e-4, "element " + i);
          assertTrue(Math.abs(x.quant(i)) <= 127);
        }
      }
    }
  }

  @Test
  void vectorsQuantiseToTheBitAsPlainJavaDoes() {
    Random random = new Random(7);
    float[] odd = {0f, -0f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY,
      Float.MIN_VALUE, -0x1p-127f, Float.MAX_VALUE, 5e6f};
    Int8Vector warm = new Int8Vector(2560);
    for (int i = 0; i < 2_000; i++) { // so that what is compiled is tested too
      new VectorKernels().quantise(Samples.floats(random, 2560), 0, 2560, warm);
    }
    for (int round = 0; round < 2_000; round++) {
      int n = LENGTHS[round % LENGTHS.length];
      float[] values = Samples.floats(random, n + 5);
      float size = (float) Math.pow(2, random.nextInt(-140, 120));
      for (int i = 0; i < values.length; i++) {
        values[i] *= size;
      }
      for (int k = round % 3; k > 0 && n > 0; k--) {
        values[random.nextInt(values.length)] = odd[random.nextInt(odd.length)];
      }
      Int8Vector plain = new Int8Vector(2560);
      Int8Vector vectors = new Int8Vector(2560);
      Kernels.scalar().quantise(values, round % 6, n, plain);
      new VectorKernels().quantise(values, round % 6, n, vectors);
      assertEquals(plain.isEnlargeable(), vectors.isEnlargeable());
      assertEquals(plain.length(), vectors.length());
      long blocks = (n / 32 + 1) / 2 * (long) Int8Vector.BLOCKS_BYTES;
      long pairs = (n / 32 + 1) / 2 * (long) Int8Vector.PAIR_BYTES;
      assertSame(plain.address(), vectors.address(), blocks, round);
      assertSame(plain.pairsAddress(), vectors.pairsAddress(), pairs, round);
      Reference.reachabilityFence(plain);
      Reference.reachabilityFence(vectors);
    }
  }

  private static void assertSame(long plain, long vectors, long bytes, int round) {
    long at = MemorySegment.ofAddress(plain).reinterpret(bytes)
        .mismatch(MemorySegment.ofAddress(vectors).reinterpret(bytes));
    assertEquals(-1, at, "round " + round + ", first different byte");
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void halvesAreRoundedAwayFromZeroAndTinyBlocksVanish(Kernels kernels) {
    float[] values = new float[96];
    values[0] = 127; // scale 1
    values[1] = 0.5f;
    values[2] = -0.5f;
    values[3] = Math.nextDown(0.5f);
    values[4] = -2.5f;
    values[5] = Math.nextUp(-2.5f);
    values[6] = -127;
    values[32] = Float.MIN_VALUE; // its scale is 0
    values[64] = 127 * 0x1p-127f; // 1 / scale overflows
    Int8Vector x = new Int8Vector(96);
    kernels.quantise(values, 0, 96, x);
    int[] expected = {127, 1, -1, 0, -3, -2, -127, 0};
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], x.quant(i), "element " + i);
    }
    for (int i = 32; i < 96; i++) {
      assertEquals(0, x.quant(i));
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void rowsFollowTheSumOfThePackage(Kernels kernels, TensorType type) {
    Random random = new Random(2);
    Int8Vector x = new Int8Vector(2560);
    for (int n : LENGTHS) {
      for (int rows : new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33}) {
        try (Arena arena = Arena.ofConfined()) {
          int stride = n + 32;
          MemorySegment weights = Samples.weights(arena, type, random, 32 + rows * stride);
          kernels.quantise(Samples.floats(random, n), 0, n, x);
          float[] expected = new float[rows + 2];
          long[] offsets = new long[rows + 1];
          for (int r = 0; r < rows; r++) {
            int first = 32 + r * stride;
            expected[1 + r] = sum(type, weights, first, x);
            offsets[rows - r] = type.bytes(first);
            assertEquals(Samples.bits(expected[1 + r]),
                Samples.bits(kernels.dot(type, weights, type.bytes(first), x)), "row " + r);
          }
          float[] out = new float[rows + 2];
          kernels.dots(type, weights, type.bytes(32), type.bytes(stride), rows, x, out, 1);
          assertArrayEquals(Samples.bits(expected), Samples.bits(out), n + " x " + rows);
          float[] scattered = new float[rows];
          kernels.dotsAt(type, weights, offsets, 1, rows, x, scattered, 0);
          for (int r = 0; r < rows; r++) {
            assertEquals(Samples.bits(expected[1 + r]), Samples.bits(scattered[rows - 1 - r]));
          }
        }
      }
    }
  }

  @Test
  void vectorsOfOneBlockAndOfTwoGiveTheSameBits() {
    Random random = new Random(8);
    int n = 2560;
    Int8Vector x = new Int8Vector(n);
    float[] narrow = new float[2 * 16 * 8 + 16];
    float[] wide = narrow.clone();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = Samples.weights(arena, TensorType.Q8_0, random, 3 * n);
      long row = TensorType.Q8_0.bytes(n);
      long[] offsets = {2 * row, 0, row};
      for (int round = 0; round < 2_000; round++) { // so that what is compiled is tested too
        if (round % 100 == 0) {
          Kernels.scalar().quantise(Samples.floats(random, n), 0, n, x);
        }
        int blocks = 2 + 2 * random.nextInt(n / 64);
        VectorInt8.sum8(weights.address(), offsets, 1, 2, x.address(), blocks, narrow);
        VectorInt8.wide8(weights.address(), offsets, 1, 2, x.address(), blocks, wide);
        assertArrayEquals(Samples.bits(Arrays.copyOf(narrow, 16)),
            Samples.bits(Arrays.copyOf(wide, 16)), blocks + " blocks");
      }
      Reference.reachabilityFence(x);
    }
  }

  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"Q4_0", "Q4_1"})
  void addressesStayAddedTo(TensorType type) {
    // What another address goes on by a multiple of, C2 multiplies out: right, and slower.
    assertNotEquals(0, Int8Vector.PAIR_BYTES % (2 * type.blockBytes()));
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void hugeAndTinyActivationsGiveTheSameBits(Kernels kernels, TensorType type) {
    Random random = new Random(4);
    Int8Vector x = new Int8Vector(64);
    float[] out = new float[5];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = Samples.weights(arena, type, random, 5 * 64);
      for (float most : new float[] {0x1p-120f, 0x1p-60f, 4.16e6f, 4.17e6f, 1e30f}) { // 2^15 · 127 = 4.161e6
        float[] values = Samples.floats(random, 64);
        values[0] = most;
        values[40] = -most;
        for (int i = 1; i < 32 && most < 1; i++) {
          values[i] = 0;
        }
        kernels.quantise(values, 0, 64, x);
        assertEquals(most < 4.161e6f, x.isEnlargeable());
        kernels.dots(type, weights, 0, type.bytes(64), 5, x, out, 0);
        for (int r = 0; r < 5; r++) {
          assertEquals(Samples.bits(sum(type, weights, 64 * r, x)), Samples.bits(out[r]),
              "row " + r + ", " + most);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void activationsThatAreNoNumbersGiveNone(Kernels kernels, TensorType type) {
    Random random = new Random(6);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = Samples.weights(arena, type, random, 64);
      Int8Vector x = new Int8Vector(64);
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        float[] values = Samples.floats(random, 64);
        values[37] = bad;
        kernels.quantise(values, 0, 64, x);
        assertFalse(x.isEnlargeable());
        assertTrue(Float.isNaN(kernels.dot(type, weights, 0, x)), "with " + bad);
      }
    }
  }

  /** The package description's sum, written down as plainly as it is stated there. */
  private static float sum(TensorType type, MemorySegment weights, int first, Int8Vector x) {
    float[] s = new float[16];
    float[] minimums = new float[2];
    for (int b = 0; b < x.length() / 32; b++) {
      long at = type.bytes(first + 32 * b);
      float scale = Float.float16ToFloat(weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, at));
      int[] r = new int[8];
      int all = 0;
      for (int i = 0; i < 32; i++) {
        r[type == TensorType.Q8_0 ? i / 4 : i % 16 / 2] +=
            integer(type, weights, at, i) * x.quant(32 * b + i);
        all += x.quant(32 * b + i);
      }
      for (int k = 0; k < 8; k++) {
        int place = type == TensorType.Q8_0 ? k + b % 2 * 8 : k / 2 + k % 2 * 8 + b % 2 * 4;
        s[place] = Math.fma((float) r[k], scale * x.scale(b), s[place]);
      }
      if (type == TensorType.Q4_1) {
        float minimum = Float.float16ToFloat(weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2));
        minimums[b % 2] = Math.fma(minimum, x.scale(b) * all, minimums[b % 2]);
      }
    }
    float[] t = new float[8];
    for (int k = 0; k < 8; k++) {
      t[k] = s[k] + s[k + 8];
    }
    return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]))
        + (minimums[0] + minimums[1]);
  }

  private static int integer(TensorType type, MemorySegment weights, long block, int i) {
    if (type == TensorType.Q8_0) {
      return weights.get(ValueLayout.JAVA_BYTE, block + 2 + i);
    }
    int both = weights.get(ValueLayout.JAVA_BYTE, block + type.blockBytes() - 16 + i % 16);
    int nibble = i < 16 ? both & 15 : both >> 4 & 15;
    return type == TensorType.Q4_0 ? nibble - 8 : nibble;
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void extremeQuantsDoNotOverflow(Kernels kernels, TensorType type) {
    int n = 64;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = arena.allocate(type.bytes(n));
      float[] values = new float[n];
      Int8Vector x = new Int8Vector(n);
      for (int bits : new int[] {0x8080, 0x7f7f, 0x0000, 0xffff, 0xf0f0, 0x0f0f, 0x8888, 0x807f,
        0x7f80}) {
        for (int signs = 0; signs < 16; signs++) {
          for (int i = 0; i < weights.byteSize(); i++) {
            weights.set(ValueLayout.JAVA_BYTE, i, (byte) (bits >> 8 * (i & 1)));
          }
          for (long at = 0; at < weights.byteSize(); at += type.blockBytes()) {
            weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16(1f));
            if (type == TensorType.Q4_1) {
              weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2, Float.floatToFloat16(-1f));
            }
          }
          for (int i = 0; i < n; i++) {
            values[i] = (signs >> (i / 16 % 2 + 2 * (i & 1)) & 1) == 0 ? 127 : -127;
          }
          kernels.quantise(values, 0, n, x);
          double exact = 0;
          for (int i = 0; i < n; i++) {
            exact += (double) Samples.weight(type, weights, i) * values[i];
          }
          float actual = kernels.dot(type, weights, 0, x);
          assertEquals(exact, actual, Math.abs(exact) * 1e-6 + 1e-3);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernelsAndTypes")
  void productsAreCloseToThoseWithTheActivationsThemselves(Kernels kernels, TensorType type) {
    Random random = new Random(4);
    int n = 2560;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = Samples.weights(arena, type, random, n);
      float[] values = Samples.floats(random, n);
      Int8Vector x = new Int8Vector(n);
      kernels.quantise(values, 0, n, x);
      double exact = 0;
      double uncertainty = 0;
      for (int i = 0; i < n; i++) {
        double w = Samples.weight(type, weights, i);
        exact += w * values[i];
        uncertainty += Math.abs(w) * (0.5001 * x.scale(i / 32) + 1e-4 * Math.abs(values[i]));
      }
      assertEquals(exact, kernels.dot(type, weights, 0, x), uncertainty);
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void whatDoesNotFitIsRefused(Kernels kernels) {
    Int8Vector x = new Int8Vector(64);
    float[] values = new float[96];
    assertThrows(IllegalArgumentException.class, () -> new Int8Vector(33));
    assertThrows(IllegalArgumentException.class, () -> kernels.quantise(values, 0, 33, x));
    assertThrows(IndexOutOfBoundsException.class, () -> kernels.quantise(values, 0, 96, x));
    assertThrows(IndexOutOfBoundsException.class, () -> kernels.quantise(values, 64, 64, x));
    kernels.quantise(values, 0, 64, x);
    assertThrows(IndexOutOfBoundsException.class, () -> x.quant(64));
    assertFalse(Int8Vector.suits(TensorType.F16));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment w = arena.allocate(136);
      kernels.dots(TensorType.Q8_0, w, 0, 68, 2, x, values, 94);
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.dots(TensorType.Q8_0, w, 1, 68, 2, x, values, 0));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.dots(TensorType.Q8_0, w, 0, 68, 2, x, values, 95));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.dotsAt(TensorType.Q8_0, w, new long[] {0, 69}, 0, 2, x, values, 0));
      assertThrows(IndexOutOfBoundsException.class,
          () -> kernels.dot(TensorType.Q8_0, w, 69, x));
      assertThrows(IllegalArgumentException.class, () -> kernels.dot(TensorType.F16, w, 0, x));
    }
  }
}
