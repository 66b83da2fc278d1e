package dev.sluice.bench.kernel;

import dev.sluice.engine.kernel.Kernels;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Matrix-vector products and scaled additions over native weights on one thread. The counter {@code
 * gigabytes} is weight bytes per second, in GB/s.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class RowBenchmark {
  /** Where the weights come from: half an L2 cache, or far more than any cache holds. */
  public enum Source {
    L2(512 << 10),
    DRAM(256 << 20);

    private final int bytes;

    Source(int bytes) {
      this.bytes = bytes;
    }
  }

  /** Weight bytes per second / 10^9. */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Bandwidth {
    public double gigabytes;
  }

  @Param({"256", "2560"})
  int n;

  @Param
  TensorType type;

  @Param
  Source source;

  @Param({"vector"})
  String kernelName;

  private Kernels kernels;
  private Arena arena;
  private MemorySegment weights;
  private int rows;
  private float[] x;
  private float[] out;

  @Setup(Level.Trial)
  public void allocate() {
    kernels = kernelName.equals("scalar") ? Kernels.scalar() : Kernels.best();
    arena = Arena.ofShared();
    weights = arena.allocate(source.bytes, 64);
    Random random = new Random(1);
    rows = Math.toIntExact(source.bytes / type.bytes(n));
    x = new float[n];
    out = new float[rows];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    fill(random);
  }

  private void fill(Random random) {
    int block = 1 << 16; // elements drawn once and repeated: values do not matter, page faults do
    MemorySegment drawn = arena.allocate(type.bytes(block), 64);
    for (int i = 0; i < block; i++) {
      float w = (float) random.nextGaussian() * 0.02f;
      switch (type) {
        case F32 -> drawn.setAtIndex(ValueLayout.JAVA_FLOAT, i, w);
        case F16 -> drawn.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(w));
        case BF16 -> drawn.setAtIndex(ValueLayout.JAVA_SHORT, i,
            (short) (Float.floatToRawIntBits(w) >>> 16));
      }
    }
    for (long at = 0; at < source.bytes; at += drawn.byteSize()) {
      long bytes = Math.min(drawn.byteSize(), source.bytes - at);
      MemorySegment.copy(drawn, 0, weights, at, bytes);
    }
  }

  @TearDown(Level.Trial)
  public void free() {
    arena.close();
  }

  @Benchmark
  public float[] dots(Bandwidth bandwidth) {
    kernels.dots(type, weights, 0, type.bytes(n), rows, x, 0, out, 0, n);
    bandwidth.gigabytes += 1e-9 * rows * type.bytes(n);
    return out;
  }

  @Benchmark
  public float[] axpy(Bandwidth bandwidth) {
    long strideBytes = type.bytes(n);
    for (int r = 0; r < rows; r++) {
      kernels.axpy(type, 1e-3f, weights, r * strideBytes, x, 0, n);
    }
    bandwidth.gigabytes += 1e-9 * rows * strideBytes;
    return x;
  }
}
