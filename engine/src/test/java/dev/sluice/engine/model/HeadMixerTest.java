package dev.sluice.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.BundleFormat;
import dev.sluice.storage.store.ModelSpec;
import dev.sluice.storage.store.ModelSpec.Activation;
import dev.sluice.storage.store.ModelSpec.AttentionForm;
import dev.sluice.storage.store.ModelSpec.FfnForm;
import dev.sluice.storage.store.ModelSpec.HeadKind;
import dev.sluice.storage.store.ModelSpec.NormKind;
import dev.sluice.storage.store.ModelSpec.Rope;
import dev.sluice.storage.store.ModelSpec.Scales;
import dev.sluice.storage.store.ModelSpec.Scaling;
import dev.sluice.storage.store.ModelSpec.SlidingWindow;
import dev.sluice.storage.tensor.TensorType;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention over random queries, keys and values against the definition in float64, and its bits against themselves. */
class HeadMixerTest {
  private static final int HEADS = 6;
  private static final int KV_HEADS = 2;
  private static final int HEAD_SIZE = 48;
  private static final int Q_SIZE = HEADS * HEAD_SIZE;
  // Longer than two chunks of keys, and enough for a single position to go in parallel.
  private static final int POSITIONS = 1_000;
  private static final long SEED = 5;

  private static final float[] KEYS = random(KV_HEADS * POSITIONS * HEAD_SIZE, 1);
  private static final float[] VALUES = random(KV_HEADS * POSITIONS * HEAD_SIZE, 2);

  private static int at(int kvHead, int position) {
    return (kvHead * POSITIONS + position) * HEAD_SIZE;
  }

  private static ModelSpec spec(float scale, float cap) {
    return new ModelSpec(
        "tiny", 1, Q_SIZE, 8, HEADS, KV_HEADS, HEAD_SIZE, 10, POSITIONS, NormKind.RMS, 1e-5f,
        Activation.RELU, FfnForm.UNGATED, new Rope(10_000, HEAD_SIZE, Scaling.NONE),
        HeadKind.TIED, BundleFormat.of(TensorType.F32), List.of(),
        new AttentionForm(scale, cap, SlidingWindow.NONE), Scales.NONE);
  }

  private static float[] random(int count, int stream) {
    Random random = new Random(SEED + stream);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static KvCache.Layer filled(ModelSpec spec) {
    return filled(spec, KvCache.Precision.FLOAT32);
  }

  private static KvCache.Layer filled(ModelSpec spec, KvCache.Precision precision) {
    KvCache.Layer kv = new KvCache.Layer(spec, POSITIONS, precision);
    for (int head = 0; head < KV_HEADS; head++) {
      for (int position = 0; position < POSITIONS; position++) {
        kv.store(head, position, KEYS, VALUES, at(head, position));
      }
    }
    return kv;
  }

  private static float[] mix(
      ModelSpec spec, int window, KvCache.Layer kv, int first, int count, int threads) {
    float[] queries = random(POSITIONS * Q_SIZE, 3);
    float[] mixed = new float[count * Q_SIZE];
    try (Workers workers = new Workers(threads)) {
      new HeadMixer(spec, Kernels.best(), window)
          .mix(queries, first * Q_SIZE, first, count, kv, mixed, workers, new Scratch());
    }
    return mixed;
  }

  @ParameterizedTest
  @CsvSource({"0.2,0,2147483647", "0.2,3,2147483647", "0.1,0,1", "0.2,2,300", "0.15,0,999"})
  void isTheDefinition(float scale, float cap, int window) {
    ModelSpec spec = spec(scale, cap);
    KvCache.Layer kv = filled(spec);
    float[] queries = random(POSITIONS * Q_SIZE, 3);
    for (int position : new int[] {0, 1, 298, 300, 301, POSITIONS - 1}) {
      float[] mixed = mix(spec, window, kv, position, 1, 2);
      for (int head = 0; head < HEADS; head++) {
        double[] expected =
            defined(queries, position * Q_SIZE + head * HEAD_SIZE, position, window, spec,
                head / (HEADS / KV_HEADS), UnaryOperator.identity());
        for (int j = 0; j < HEAD_SIZE; j++) {
          assertEquals(
              expected[j], mixed[head * HEAD_SIZE + j], 2e-5, "position " + position + ", " + head);
        }
      }
    }
  }

  private static double[] defined(
      float[] queries, int at, int position, int window, ModelSpec spec, int kvHead,
      UnaryOperator<Float> kept) {
    double cap = spec.attention().scoreCap();
    double[] sum = new double[HEAD_SIZE];
    double all = 0;
    for (int p = 0; p <= position; p++) {
      if (position - p < window) {
        double score = 0;
        for (int j = 0; j < HEAD_SIZE; j++) {
          score += queries[at + j] * (double) kept.apply(KEYS[at(kvHead, p) + j]);
        }
        score *= spec.attention().scoreScale();
        double weight = Math.exp(cap == 0 ? score : cap * Math.tanh(score / cap));
        all += weight;
        for (int j = 0; j < HEAD_SIZE; j++) {
          sum[j] += weight * kept.apply(VALUES[at(kvHead, p) + j]);
        }
      }
    }
    for (int j = 0; j < HEAD_SIZE; j++) {
      sum[j] /= all;
    }
    return sum;
  }

  /** What is kept in halves is the nearest half of each key and value, and nothing else is rounded. */
  @Test
  void halvesAreTheDefinitionOverRoundedKeysAndValues() {
    ModelSpec spec = spec(0.2f, 0);
    KvCache.Layer kv = filled(spec, KvCache.Precision.FLOAT16);
    float[] queries = random(POSITIONS * Q_SIZE, 3);
    double furthest = 0;
    for (int position : new int[] {0, 700, POSITIONS - 1}) {
      float[] mixed = mix(spec, Integer.MAX_VALUE, kv, position, 1, 2);
      for (int head = 0; head < HEADS; head++) {
        int from = position * Q_SIZE + head * HEAD_SIZE;
        int kvHead = head / (HEADS / KV_HEADS);
        double[] expected = defined(queries, from, position, Integer.MAX_VALUE, spec, kvHead,
            x -> Float.float16ToFloat(Float.floatToFloat16(x)));
        double[] whole = defined(queries, from, position, Integer.MAX_VALUE, spec, kvHead,
            UnaryOperator.identity());
        for (int j = 0; j < HEAD_SIZE; j++) {
          assertEquals(expected[j], mixed[head * HEAD_SIZE + j], 2e-5);
          furthest = Math.max(furthest, Math.abs(whole[j] - mixed[head * HEAD_SIZE + j]));
        }
      }
    }
    assertTrue(furthest > 1e-4 && furthest < 2e-3, "rounding moved a value by " + furthest);
  }

  /** A key or value beyond the range of halves stays finite. */
  @Test
  void halvesSaturate() {
    ModelSpec spec = spec(1e-6f, 0);
    KvCache.Layer kv = new KvCache.Layer(spec, 1, KvCache.Precision.FLOAT16);
    float[] large = new float[KV_HEADS * HEAD_SIZE];
    Arrays.fill(large, -3e38f);
    for (int head = 0; head < KV_HEADS; head++) {
      kv.store(head, 0, large, large, head * HEAD_SIZE);
    }
    for (float value : mix(spec, Integer.MAX_VALUE, kv, 0, 1, 1)) {
      assertEquals(-65504f, value);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0,2147483647,FLOAT32", "2,40,FLOAT32", "0,2147483647,FLOAT16", "2,40,FLOAT16"
  })
  void bitsDependNeitherOnThreadsNorOnHowPositionsAreCut(
      float cap, int window, KvCache.Precision precision) {
    ModelSpec spec = spec(0.2f, cap);
    KvCache.Layer kv = filled(spec, precision);
    int first = POSITIONS - 70;
    float[] whole = mix(spec, window, kv, first, 70, 1);
    for (int cut : new int[] {1, 5, 16, 33}) {
      for (int from = 0; from < 70; from += cut) {
        int count = Math.min(cut, 70 - from);
        assertArrayEquals(
            Arrays.copyOfRange(whole, from * Q_SIZE, (from + count) * Q_SIZE),
            mix(spec, window, kv, first + from, count, 1 + from % 3),
            "cut " + cut + " at " + from);
      }
    }
  }

  @Test
  void capsAreTheHyperbolicTangent() {
    float[] x = {-200, -4, -0.5f, -1e-4f, 0, 1e-4f, 0.5f, 4, 200};
    float[] capped = x.clone();
    SoftCap.apply(Kernels.best(), 3, capped, 1, x.length - 1);
    assertEquals(x[0], capped[0]);
    for (int i = 1; i < x.length; i++) {
      assertEquals(3 * Math.tanh(x[i] / 3.0), capped[i], 5e-7);
    }
  }
}
