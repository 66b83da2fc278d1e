package dev.sluice.engine.predict;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.predictor.CertifiedLayer;
import dev.sluice.storage.predictor.CertifiedLayer.Bound;
import dev.sluice.storage.predictor.ErrorBound;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Nothing that the FFN's own kernel finds active is left out, and what errors do over dithers stays below δ. */
class CertifiedPredictorTest {
  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static float[] directions(Random random, int count, int hidden) {
    float[] directions = values(random, count * hidden);
    for (int i = 0; i < directions.length; i++) {
      directions[i] /= (float) Math.sqrt(hidden);
    }
    return directions;
  }

  private static CertifiedLayer layer(float[] rows, int hidden, int bits, int directions,
      long seed, Arena arena) {
    return CertifiedLayer.pack(rows, rows.length / hidden, hidden, bits, 0, seed,
        directions(new Random(seed + 77), directions, hidden), arena);
  }

  private static float[] upper(CertifiedBounds bounds, CertifiedLayer layer, Bound bound,
      double deviations, float[] x, float[] bias) {
    CertifiedInput input = new CertifiedInput();
    input.set(layer, bound, deviations, Kernels.scalar(), x, 0);
    float[] upper = new float[layer.groups() * CertifiedLayer.LANES];
    bounds.bounds(layer, bound, 0, layer.groups(), input, bias, upper);
    return upper;
  }

  @ParameterizedTest
  @CsvSource({"4,64,0", "4,75,8", "5,96,4", "6,40,16", "8,33,4", "5,7,0", "8,256,16"})
  void vectorsGiveTheSameBits(int bits, int hidden, int directions) {
    Random random = new Random(bits + 1000L * hidden);
    try (Arena arena = Arena.ofShared()) {
      CertifiedLayer layer =
          layer(values(random, 53 * hidden), hidden, bits, directions, 5, arena);
      float[] bias = values(random, layer.groups() * CertifiedLayer.LANES);
      for (int trial = 0; trial < 6; trial++) {
        float[] x = values(random, hidden);
        for (Bound bound : Bound.values()) {
          assertArrayEquals(
              upper(new ScalarCertifiedBounds(), layer, bound, 7, x, bias),
              upper(new VectorCertifiedBounds(), layer, bound, 7, x, bias));
        }
      }
    }
  }

  @Test
  void blocksAndThreadsGiveTheSameAnswer() {
    int hidden = 128;
    int neurons = 5003;
    int count = 5;
    Random random = new Random(12);
    float[] inputs = values(random, count * hidden);
    try (Arena arena = Arena.ofShared(); Workers one = new Workers(1);
        Workers three = new Workers(3)) {
      List<CertifiedLayer> layers =
          List.of(layer(values(random, neurons * hidden), hidden, 4, 8, 5, arena));
      float[][] biases = {values(random, neurons)};
      byte[] expected = new byte[count * neurons];
      CertifiedPredictor.byNorms("", layers, biases, Kernels.scalar(), one)
          .predict(0, inputs, 0, count, expected, new PredictorScratch());
      int named = 0;
      for (byte each : expected) {
        named += each;
      }
      assertTrue(named > neurons && named < expected.length - neurons / 2, "named " + named);
      for (Workers workers : List.of(one, three)) {
        CertifiedPredictor predictor =
            CertifiedPredictor.byNorms("", layers, biases, Kernels.best(), workers);
        PredictorScratch scratch = new PredictorScratch();
        byte[] together = new byte[count * neurons];
        predictor.predict(0, inputs, 0, count, together, scratch);
        assertArrayEquals(expected, together);
        byte[] alone = new byte[neurons];
        for (int t = 0; t < count; t++) {
          predictor.predict(0, inputs, t * hidden, 1, alone, scratch);
          for (int i = 0; i < neurons; i++) {
            assertEquals(expected[i * count + t], alone[i]);
          }
        }
      }
    }
  }

  /** Inputs made against the copy: along a row's own error, near its null space, huge, tiny, of one element. */
  private static float[] adversary(CertifiedLayer layer, float[] rows, int row, int kind,
      Random random) {
    int hidden = layer.hidden();
    double[] copy = new double[hidden];
    layer.unpack(row, copy);
    float[] x = values(random, hidden);
    for (int i = 0; i < hidden; i++) {
      float error = (float) (rows[row * hidden + i] - copy[i]);
      x[i] = switch (kind) {
        case 0 -> error;
        case 1 -> error - 1e-3f * (float) copy[i];
        case 2 -> Math.signum(error);
        case 3 -> error * 1e20f;
        case 4 -> error * 1e-36f;
        case 5 -> i == row % hidden ? -1 : 0;
        case 6 -> x[i] * 1e-42f;
        default -> x[i];
      };
    }
    if (kind >= 7) {
      // Just above 0 for this row, as far as float32 can tell.
      double product = 0;
      double square = 0;
      for (int i = 0; i < hidden; i++) {
        product += (double) rows[row * hidden + i] * x[i];
        square += (double) rows[row * hidden + i] * rows[row * hidden + i];
      }
      for (int i = 0; i < hidden && square > 0; i++) {
        x[i] -= (float) (product / square * rows[row * hidden + i]);
      }
    }
    return x;
  }

  @ParameterizedTest
  @CsvSource({"4,64,0,F16", "4,128,8,F16", "5,96,4,F32", "6,64,16,BF16", "8,33,4,F16",
    "8,1024,16,F32"})
  void neverLeavesOutWhatTheKernelFindsActive(int bits, int hidden, int directions,
      TensorType type) {
    int neurons = hidden > 500 ? 64 : 200;
    Random random = new Random(bits + hidden);
    float[] rows = values(random, neurons * hidden);
    try (Arena arena = Arena.ofShared(); Workers workers = new Workers(1)) {
      MemorySegment weights = encoded(rows, type, arena);
      CertifiedLayer layer = layer(rows, hidden, bits, directions, 8, arena);
      float[] bias = values(random, neurons);
      for (int i = 0; i < neurons; i += 2) {
        bias[i] = 0;
      }
      CertifiedPredictor predictor = CertifiedPredictor.byNorms("", List.of(layer),
          new float[][] {bias}, Kernels.best(), workers);
      byte[] named = new byte[neurons];
      float[] arranged = new float[hidden];
      int active = 0;
      int leftOut = 0;
      for (int trial = 0; trial < 630; trial++) {
        float[] x = adversary(layer, rows, trial % neurons, trial % 9, random);
        predictor.predict(0, x, 0, 1, named, new PredictorScratch());
        Kernels.best().arrange(type, x, 0, arranged, 0, hidden);
        for (int i = 0; i < neurons; i++) {
          float z = bias[i] + Kernels.best().dot(type, weights,
              (long) i * type.bytes(hidden), arranged, 0, hidden);
          active += z > 0 ? 1 : 0;
          leftOut += named[i] == 0 ? 1 : 0;
          int neuron = i;
          assertTrue(!(z > 0) || named[i] == 1,
              () -> "left out neuron " + neuron + ", which is " + z);
        }
      }
      int all = 630 * neurons;
      assertTrue(active > all / 10 && leftOut > all / 20,
          active + " active, " + leftOut + " left out of " + all);
    }
  }

  private static MemorySegment encoded(float[] rows, TensorType type, Arena arena) {
    MemorySegment memory = arena.allocate(4L * rows.length, 64);
    for (int i = 0; i < rows.length; i++) {
      switch (type) {
        case F16 -> {
          short half = Float.floatToFloat16(rows[i]);
          memory.set(ValueLayout.JAVA_SHORT, 2L * i, half);
          rows[i] = Float.float16ToFloat(half);
        }
        case BF16 -> {
          int bits = Float.floatToRawIntBits(rows[i]) & 0xffff0000;
          memory.set(ValueLayout.JAVA_SHORT, 2L * i, (short) (bits >>> 16));
          rows[i] = Float.intBitsToFloat(bits);
        }
        default -> memory.set(ValueLayout.JAVA_FLOAT, 4L * i, rows[i]);
      }
    }
    return memory;
  }

  /** Where the kernel meets activations as bytes, what is proven is proven of those. */
  @Test
  void neverLeavesOutWhatTheInt8KernelFindsActive() {
    int hidden = 96;
    int neurons = 128;
    Random random = new Random(2);
    float[] rows = new float[neurons * hidden];
    try (Arena arena = Arena.ofShared(); Workers workers = new Workers(1)) {
      long rowBytes = TensorType.Q8_0.bytes(hidden);
      MemorySegment weights = arena.allocate(neurons * rowBytes, 64);
      for (int block = 0; block < rows.length / 32; block++) {
        short scale = Float.floatToFloat16(0.01f + random.nextFloat() / 50);
        weights.set(ValueLayout.JAVA_SHORT_UNALIGNED, 34L * block, scale);
        for (int i = 0; i < 32; i++) {
          byte quant = (byte) Math.clamp(Math.round(random.nextGaussian() * 40), -127, 127);
          weights.set(ValueLayout.JAVA_BYTE, 34L * block + 2 + i, quant);
          rows[block * 32 + i] = Float.float16ToFloat(scale) * quant;
        }
      }
      CertifiedLayer layer = layer(rows, hidden, 6, 4, 8, arena);
      CertifiedPredictor predictor = CertifiedPredictor
          .byNorms("", List.of(layer), new float[1][0], Kernels.best(), workers).forInt8();
      byte[] named = new byte[neurons];
      Int8Vector bytes = new Int8Vector(hidden);
      int leftOut = 0;
      int apart = 0;
      for (int trial = 0; trial < 720; trial++) {
        float[] x = adversary(layer, rows, trial % neurons, 7 + trial % 2, random);
        predictor.predict(0, x, 0, 1, named, new PredictorScratch());
        Kernels.best().quantise(x, 0, hidden, bytes);
        for (int i = 0; i < neurons; i++) {
          float z = Kernels.best().dot(TensorType.Q8_0, weights, i * rowBytes, bytes);
          double exact = 0;
          for (int j = 0; j < hidden; j++) {
            exact += (double) rows[i * hidden + j] * x[j];
          }
          apart += z > 0 != exact > 0 ? 1 : 0;
          leftOut += named[i] == 0 ? 1 : 0;
          assertTrue(!(z > 0) || named[i] == 1);
        }
      }
      assertTrue(leftOut > 720 * neurons / 5, "left out " + leftOut);
      assertTrue(apart > 150, "bytes decide otherwise often enough to be told apart: " + apart);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, 1e30f, -1e38f})
  void whatIsTooLargeProvesNothing(float large) {
    int hidden = 64;
    try (Arena arena = Arena.ofShared(); Workers workers = new Workers(1)) {
      Random random = new Random(2);
      CertifiedLayer layer = layer(values(random, 40 * hidden), hidden, 8, 4, 8, arena);
      float[] x = values(random, hidden);
      x[9] = large;
      byte[] named = new byte[40];
      CertifiedPredictor
          .byNorms("", List.of(layer), new float[1][0], Kernels.best(), workers)
          .predict(0, x, 0, 1, named, new PredictorScratch());
      for (byte each : named) {
        assertEquals(1, each);
      }
    }
  }

  /**
   * Fresh dithers, fixed rows and inputs: how often the product is above what was proven, all slack included. Exact products are sums in
   * double, far finer than the slack.
   */
  @ParameterizedTest
  @CsvSource({"4,0", "6,4"})
  void errorsExceedTheirBoundLessOftenThanDelta(int bits, int directions) {
    int hidden = 64;
    int neurons = 128;
    int inputs = 64;
    int dithers = 160;
    Random random = new Random(31);
    float[] rows = values(random, neurons * hidden);
    float[] bias = new float[neurons];
    float[][] xs = new float[inputs][];
    double[] products = new double[inputs * neurons];
    for (int t = 0; t < inputs; t++) {
      xs[t] = values(random, hidden);
      // A few long elements: the worst case for a bound that relies on many terms.
      xs[t][t % hidden] *= t % 3 == 0 ? 30 : 1;
      for (int i = 0; i < neurons; i++) {
        for (int j = 0; j < hidden; j++) {
          products[t * neurons + i] += (double) rows[i * hidden + j] * xs[t][j];
        }
      }
    }
    for (double delta : new double[] {1e-2, 1e-3, 1e-4}) {
      double deviations = ErrorBound.deviations(delta);
      long exceeded = 0;
      for (int dither = 0; dither < dithers; dither++) {
        try (Arena arena = Arena.ofShared()) {
          CertifiedLayer layer = CertifiedLayer.pack(rows, neurons, hidden, bits, 0, dither,
              directions(new Random(1), directions, hidden), arena);
          for (int t = 0; t < inputs; t++) {
            float[] upper = upper(new VectorCertifiedBounds(), layer, Bound.DITHER, deviations,
                xs[t], bias);
            for (int i = 0; i < neurons; i++) {
              exceeded += products[t * neurons + i] > upper[i] ? 1 : 0;
            }
          }
        }
      }
      long decisions = (long) dithers * inputs * neurons;
      double rate = (double) exceeded / decisions;
      assertTrue(rate < delta, rate + " at " + delta);
      if (delta > 1e-3) {
        assertTrue(rate > delta / 50, "a bound so loose would prove little: " + rate);
      }
    }
  }
}
