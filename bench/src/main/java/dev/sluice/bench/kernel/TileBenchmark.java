package dev.sluice.bench.kernel;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.store.ModelSpec.Activation;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
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
import org.openjdk.jmh.annotations.Warmup;

/**
 * Batch tiles of 64 rows × 64 vectors, and the functions around them, on one thread. The counter
 * {@code gigaOperations} is 10^9 multiply-adds (tiles; a skipped column counts) or elements
 * (functions) per second.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class TileBenchmark {
  private static final int ROWS = 64;
  private static final int TOKENS = 64;

  /** Multiply-adds or elements per second / 10^9. */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Work {
    public double gigaOperations;
  }

  @Param({"256", "2560"})
  int n;

  /** Share of nonzero factors, for the tile of additions. */
  @Param({"1.0", "0.15"})
  float density;

  @Param({"vector"})
  String kernelName;

  private Kernels kernels;
  private float[] rows;
  private float[] xs;
  private float[] out;
  private float[] h;
  private float[] ys;
  private float[] scores;
  private Int8Vector bytes;
  private int next;

  @Setup(Level.Iteration) // sums would grow without end
  public void draw() {
    kernels = kernelName.equals("scalar") ? Kernels.scalar() : Kernels.best();
    Random random = new Random(1);
    rows = gaussians(random, ROWS * n);
    xs = gaussians(random, TOKENS * n);
    h = gaussians(random, ROWS * TOKENS);
    for (int i = 0; i < h.length; i++) {
      h[i] = random.nextFloat() < density ? h[i] : 0f;
    }
    ys = new float[TOKENS * n];
    out = new float[ROWS * TOKENS];
    scores = gaussians(random, n);
    bytes = new Int8Vector(n);
  }

  private static float[] gaussians(Random random, int count) {
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  @Benchmark
  public float[] dotTile(Work work) {
    kernels.dotTile(rows, 0, ROWS, xs, 0, TOKENS, out, 0, TOKENS, n);
    work.gigaOperations += 1e-9 * ROWS * TOKENS * n;
    return out;
  }

  @Benchmark
  public float[] axpyTile(Work work) {
    kernels.axpyTile(rows, 0, ROWS, h, 0, TOKENS, ys, 0, TOKENS, n);
    work.gigaOperations += 1e-9 * ROWS * TOKENS * n;
    return ys;
  }

  /** Of one vector after another, as single tokens' activations become bytes. */
  @Benchmark
  public Int8Vector quantise(Work work) {
    next = (next + 1) % TOKENS;
    kernels.quantise(xs, next * n, n, bytes);
    work.gigaOperations += 1e-9 * n;
    return bytes;
  }

  @Benchmark
  public float softmax(Work work) {
    work.gigaOperations += 1e-9 * n;
    return kernels.softmax(scores, 0, n);
  }

  @Benchmark
  public float[] silu(Work work) {
    kernels.activate(Activation.SILU, scores, 0, n);
    work.gigaOperations += 1e-9 * n;
    return scores;
  }
}
