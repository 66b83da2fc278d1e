package dev.sluice.bench.predictor;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.engine.predict.ActivePredictor;
import dev.sluice.engine.predict.LowRankPredictor;
import dev.sluice.engine.predict.PredictorScratch;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.predictor.ActivityCuts;
import dev.sluice.storage.predictor.Int8Rows;
import dev.sluice.storage.predictor.LowRankLayer;
import dev.sluice.storage.predictor.LowRankLayer.Middle;
import dev.sluice.storage.threshold.ActiveRule;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One token through the low-rank predictors of all layers at the shape of AFM-4.5B, synthetic weights: d 2560, d_ff 18432,
 * 36 layers. Codes are far more than caches hold, so they come from DRAM.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class LowRankBenchmark {
  private static final int LAYERS = 36;
  private static final int HIDDEN = 2_560;
  private static final int NEURONS = 18_432;

  @Param({"64", "128"})
  int rank;

  @Param({"1", "2"})
  int threads;

  private Arena arena;
  private SegmentAllocator memory;
  private Workers workers;
  private ActivePredictor predictor;
  private final PredictorScratch scratch = new PredictorScratch();
  private final float[] input = new float[HIDDEN];
  private final byte[] named = new byte[NEURONS];

  @Setup(Level.Trial)
  public void setUp() {
    arena = Arena.ofShared();
    long codes = (long) LAYERS * (rank + Int8Rows.GROUP_ROWS) * (HIDDEN + NEURONS);
    memory = SegmentAllocator.slicingAllocator(AnonymousMemory.map(codes, arena)); // as the engine has it
    workers = new Workers(threads);
    Random random = new Random(1);
    fill(input, random);
    List<LowRankLayer> layers = new ArrayList<>();
    for (int layer = 0; layer < LAYERS; layer++) {
      float[] from = new float[NEURONS];
      fill(from, random);
      float[] sharpness = new float[HIDDEN];
      fill(sharpness, random);
      layers.add(new LowRankLayer(Middle.LINEAR, new float[HIDDEN], sharpness,
          rows(rank, HIDDEN, random), new float[rank], rows(NEURONS, rank, random),
          new float[NEURONS], List.of(new ActivityCuts(ActiveRule.OUTPUT, 0.1, from,
              new float[0], new float[0], 0)),
          0.99));
    }
    predictor = new LowRankPredictor("low-rank-" + rank, layers, ActiveRule.OUTPUT, 0.1,
        Kernels.best(), workers);
  }

  private Int8Rows rows(int rows, int cols, Random random) {
    float[] values = new float[rows * cols];
    fill(values, random);
    return Int8Rows.pack(values, rows, cols, memory);
  }

  private static void fill(float[] values, Random random) {
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
  }

  @TearDown(Level.Trial)
  public void tearDown() {
    workers.close();
    arena.close();
  }

  /** Milliseconds a token. */
  @Benchmark
  public byte[] token() {
    for (int layer = 0; layer < LAYERS; layer++) {
      predictor.predict(layer, input, 0, 1, named, scratch);
    }
    return named;
  }
}
