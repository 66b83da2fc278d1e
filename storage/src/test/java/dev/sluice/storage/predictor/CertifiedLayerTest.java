package dev.sluice.storage.predictor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CertifiedLayerTest {
  private static final int NEURONS = 10;
  private static final int HIDDEN = 40;
  private static final int DIRECTIONS = 4;
  private static final int LAYER = 3;
  private static final long SEED = 20_260_101;

  private static float[] frozenRows() {
    float[] rows = new float[NEURONS * HIDDEN];
    for (int i = 0; i < NEURONS; i++) {
      for (int j = 0; j < HIDDEN; j++) {
        rows[i * HIDDEN + j] = ((37 * i + 11 * j) % 64 - 30) / 64f * (1 + i);
      }
    }
    return rows;
  }

  private static float[] frozenDirections() {
    float[] directions = new float[DIRECTIONS * HIDDEN];
    for (int k = 0; k < DIRECTIONS; k++) {
      for (int j = 0; j < HIDDEN; j++) {
        directions[k * HIDDEN + j] = ((13 * k + 5 * j) % 16 - 8) / 32f;
      }
    }
    return directions;
  }

  private static byte[] frozen(int bits) throws IOException {
    try (InputStream in = CertifiedLayerTest.class
        .getResourceAsStream("/certified-v1/bits-" + bits + ".bin")) {
      return in.readAllBytes();
    }
  }

  private static CertifiedLayer packed(int bits, Arena arena) {
    return CertifiedLayer.pack(frozenRows(), NEURONS, HIDDEN, bits, LAYER, SEED,
        frozenDirections(), arena);
  }

  /** Made by another program in another language. */
  @ParameterizedTest
  @ValueSource(ints = {4, 5, 6, 8})
  void version1IsReadForEverAndPackedTheSame(int bits) throws IOException {
    try (Arena arena = Arena.ofShared()) {
      byte[] bytes = frozen(bits);
      CertifiedLayer read = CertifiedLayer.decode(bytes, Bound.NORM, arena);
      assertEquals(bits, read.bits());
      assertEquals(NEURONS, read.neurons());
      assertEquals(HIDDEN, read.hidden());
      assertEquals(LAYER, read.layer());
      assertEquals(SEED, read.seed());
      assertEquals(DIRECTIONS, read.directionCount());
      assertArrayEquals(bytes, read.encode());
      assertArrayEquals(bytes, packed(bits, arena).encode());
      CertifiedLayer withoutNorms = CertifiedLayer.decode(bytes, Bound.DITHER, arena);
      assertEquals(read.residentBytes() - 2L * 2 * 8, withoutNorms.residentBytes());
    }
  }

  /** hashlib.sha256(b"sluice dither" + struct.pack(">qii", 20260101, 3, 0)) in Python. */
  @Test
  void theDitherIsFrozen() {
    float[] dither = Dither.of(SEED, LAYER, 11);
    assertArrayEquals(
        new float[] {8_306_136 * Dither.GRAIN, 95_597 * Dither.GRAIN, 5_890_803 * Dither.GRAIN},
        Arrays.copyOf(dither, 3));
    assertArrayEquals(dither, Arrays.copyOf(Dither.of(SEED, LAYER, 40), 11));
    assertTrue(Dither.of(SEED, LAYER + 1, 1)[0] != dither[0]);
    assertTrue(Dither.of(SEED + 1, LAYER, 1)[0] != dither[0]);
  }

  /** What is kept of the error bounds it: block norms, its products with the directions, the sizes of all products. */
  @ParameterizedTest
  @ValueSource(ints = {4, 5, 6, 8})
  void whatIsKeptOfErrorsBoundsThem(int bits) {
    Random random = new Random(bits);
    int neurons = 37;
    int hidden = 75;
    float[] rows = new float[neurons * hidden];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) (random.nextGaussian() * Math.exp(random.nextGaussian()));
    }
    Arrays.fill(rows, 5 * hidden, 6 * hidden, 0f);
    float[] directions = new float[8 * hidden];
    for (int i = 0; i < directions.length; i++) {
      directions[i] = (float) random.nextGaussian() / (float) Math.sqrt(hidden);
    }
    try (Arena arena = Arena.ofShared()) {
      CertifiedLayer layer =
          CertifiedLayer.pack(rows, neurons, hidden, bits, 0, 9, directions, arena);
      double[] copy = new double[hidden];
      double tightest = Double.POSITIVE_INFINITY;
      for (int row = 0; row < neurons; row++) {
        layer.unpack(row, copy);
        double sizes = 0;
        double length = 0;
        double[] along = new double[8];
        for (int block = 0; block < layer.blocks(); block++) {
          double squares = 0;
          for (int i = block * 32; i < Math.min(hidden, block * 32 + 32); i++) {
            double error = rows[row * hidden + i] - copy[i];
            assertTrue(Math.abs(error) <= layer.scale(row, block) / 2);
            squares += error * error;
            double x = random.nextGaussian();
            length += x * x;
            sizes += Math.abs(x)
                * (Math.abs(rows[row * hidden + i]) + layer.scale(row, block)
                    * (Math.abs(layer.code(row, i)) + Math.abs(layer.offset(row, block)) + 0.5));
            for (int k = 0; k < 8; k++) {
              along[k] += error * layer.direction(k, i);
            }
          }
          assertTrue(Math.sqrt(squares) <= layer.errorNorm(row, block));
          if (squares > 0) {
            tightest = Math.min(tightest, layer.errorNorm(row, block) / Math.sqrt(squares));
          }
        }
        assertTrue(sizes <= layer.magnitudes()[row] * Math.sqrt(length));
        for (int k = 0; k < 8; k++) {
          double kept = layer.projection(row, k) * (double) layer.steps()[row];
          assertEquals(along[k], kept, layer.steps()[row] * 0.5001);
        }
      }
      assertTrue(tightest < 1.01, "norms are rounded up, but not far: " + tightest);
    }
  }

  @Test
  void everyShorteningIsRefused() throws IOException {
    byte[] bytes = frozen(4);
    try (Arena arena = Arena.ofConfined()) {
      for (int length = 0; length < bytes.length; length++) {
        byte[] some = Arrays.copyOf(bytes, length);
        assertThrows(IllegalArgumentException.class,
            () -> CertifiedLayer.decode(some, Bound.NORM, arena));
      }
      byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
      assertThrows(IllegalArgumentException.class,
          () -> CertifiedLayer.decode(longer, Bound.NORM, arena));
    }
  }

  /** Magic, version, bits, layer, neurons, hidden, directions, base. */
  @ParameterizedTest
  @ValueSource(ints = {0, 4, 8, 12, 16, 20, 24, 28})
  void liesInTheHeaderAreRefusedBeforeAnythingIsAllocated(int at) throws IOException {
    byte[] bytes = frozen(5);
    try (Arena arena = Arena.ofConfined()) {
      for (int lie : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 23}) {
        if (at == 12 && lie > 0 || at == 28 && lie == -1) {
          continue; // there are such layers and such exponents
        }
        byte[] lying = bytes.clone();
        ByteBuffer.wrap(lying).order(ByteOrder.LITTLE_ENDIAN).putInt(at, lie);
        assertThrows(IllegalArgumentException.class,
            () -> CertifiedLayer.decode(lying, Bound.NORM, arena));
      }
    }
  }

  @Test
  void numbersThatCannotBeAreRefused() throws IOException {
    byte[] bytes = frozen(4);
    int steps = 40 + 2 * DIRECTIONS * HIDDEN;
    try (Arena arena = Arena.ofConfined()) {
      for (int at : new int[] {steps, steps + 4 * 16}) {
        byte[] negative = bytes.clone();
        ByteBuffer.wrap(negative).order(ByteOrder.LITTLE_ENDIAN).putFloat(at, -1);
        assertThrows(IllegalArgumentException.class,
            () -> CertifiedLayer.decode(negative, Bound.NORM, arena));
        ByteBuffer.wrap(negative).order(ByteOrder.LITTLE_ENDIAN).putFloat(at, Float.NaN);
        assertThrows(IllegalArgumentException.class,
            () -> CertifiedLayer.decode(negative, Bound.NORM, arena));
      }
      byte[] infinite = bytes.clone();
      ByteBuffer.wrap(infinite).order(ByteOrder.LITTLE_ENDIAN).putShort(40, (short) 0x7c00);
      assertThrows(IllegalArgumentException.class,
          () -> CertifiedLayer.decode(infinite, Bound.NORM, arena));
    }
  }

  @Test
  void weightsThatAreNoNumbersAreRefused() {
    float[] rows = frozenRows();
    rows[7] = Float.NaN;
    try (Arena arena = Arena.ofShared()) {
      assertThrows(IllegalArgumentException.class, () -> CertifiedLayer.pack(rows, NEURONS, HIDDEN,
          4, LAYER, SEED, frozenDirections(), arena));
    }
  }
}
