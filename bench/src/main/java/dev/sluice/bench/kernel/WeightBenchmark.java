package dev.sluice.bench.kernel;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
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
 * Weight bytes per second of products with a vector, in Java, in C and against plain reading of memory. One operation does
 * all three, one after another, a millisecond or so each, so that whatever else the machine does meets all of them alike.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 1, time = 1)
@Measurement(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 1, // -Xbatch: on a busy machine too, what is measured is compiled
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
      "-Xbatch"})
public class WeightBenchmark {
  /** Stands for a missing control. */
  static final String NONE = "none";

  private static final int N = 2560;
  private static final double WEIGHT = 0.02;
  private static final int COLUMNS_AT_ONCE = 32;
  private static final int WARM_CALLS = 2_000;
  private static final int WARM_ROWS = 13; // four at once, and some singly
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_256;

  /** Where the weights come from: half of a processor's L2 cache, or far more than any cache holds. */
  public enum Source {
    L2(L2Cache.bytes() / 2, 1),
    DRAM(16 << 20, 8);

    /** What a thread multiplies in one operation: a third of a millisecond to three. */
    private static final int OPERATION_BYTES = 16 << 20;

    /** Bytes that one thread works on at a time. */
    private final int partBytes;
    /** Parts that take turns. */
    private final int parts;

    Source(int partBytes, int parts) {
      this.partBytes = partBytes;
      this.parts = parts;
    }

    private int repeats() {
      return OPERATION_BYTES / partBytes;
    }
  }

  /** GB/s of all threads together, in the fastest operation of an iteration: others met something else that ran. */
  @AuxCounters(AuxCounters.Type.EVENTS)
  @State(Scope.Thread)
  public static class Bandwidth {
    private double java;
    private double control;
    private double memory;

    @Setup(Level.Iteration)
    public void reset() {
      java = 0;
      control = 0;
      memory = 0;
    }

    public double java() {
      return java;
    }

    public double control() {
      return control;
    }

    public double memory() {
      return memory;
    }
  }

  @Param
  Product product;

  @Param
  Source source;

  @Param({"1", "2"})
  int threads;

  /** The compiled control. */
  @Param(NONE)
  String library;

  private Kernels kernels;
  private Workers workers;
  private Arena arena;
  private Control control;
  private Lane[] lanes;
  private int turn;

  /** What one thread works on. */
  private final class Lane {
    final MemorySegment weights =
        AnonymousMemory.map((long) source.partBytes * source.parts, arena); // as the engine holds them
    final int rows = Math.toIntExact(source.partBytes / product.type.bytes(N));
    final float[] x = new float[N];
    final float[] arranged = new float[N];
    final Int8Vector bytes = new Int8Vector(N);
    final float[] out = new float[Math.max(rows, N)];
    final float[] h = new float[COLUMNS_AT_ONCE];
    final long[] offsetsBytes = new long[COLUMNS_AT_ONCE];
    final MemorySegment nativeX = arena.allocate(4L * Math.max(rows, N), 64);
    final MemorySegment nativeBytes = arena.allocate(N, 64);
    final MemorySegment nativeScales = arena.allocate(N / 8, 64);
    final MemorySegment nativeSums = arena.allocate(N / 8, 64);
    final MemorySegment nativeOut = arena.allocate(4L * Math.max(rows, N), 64);
    long seen;

    void draw(Random random) {
      for (int i = 0; i < N; i++) {
        x[i] = (float) random.nextGaussian();
      }
      Arrays.fill(h, 1e-9f);
      kernels.arrange(product.type, x, 0, arranged, 0, N);
      kernels.quantise(x, 0, N, bytes);
      for (int b = 0; b < N / 32; b++) {
        float sum = 0;
        for (int i = 32 * b; i < 32 * b + 32; i++) {
          nativeBytes.set(ValueLayout.JAVA_BYTE, i, (byte) bytes.quant(i));
          sum += product.isInt8() ? bytes.scale(b) * bytes.quant(i) : x[i];
        }
        nativeScales.setAtIndex(ValueLayout.JAVA_FLOAT, b, bytes.scale(b));
        nativeSums.setAtIndex(ValueLayout.JAVA_FLOAT, b, sum);
      }
      for (int i = 0; i < Math.max(rows, N); i++) {
        nativeX.setAtIndex(ValueLayout.JAVA_FLOAT, i, product.isColumns() ? 1e-9f : x[i % N]);
      }
      fill(random);
    }

    /**
     * A stretch drawn once and repeated. Quants hardly matter, but the size of floats does: with numbers too small for a normal
     * float a processor takes longer. So scales are those of blocks of weights of 0.02.
     */
    private void fill(Random random) {
      TensorType type = product.type;
      byte[] drawn = new byte[(1 << 16) / type.blockBytes() * type.blockBytes()];
      random.nextBytes(drawn);
      MemorySegment blocks = MemorySegment.ofArray(drawn);
      for (int at = 0; at < drawn.length; at += type.blockBytes()) {
        switch (type) {
          case F16 -> setHalf(blocks, at, WEIGHT * random.nextGaussian());
          case BF16 ->
              blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, at,
                  (short) (Float.floatToRawIntBits((float) (WEIGHT * random.nextGaussian()))
                      >>> 16));
          case Q8_0 -> setHalf(blocks, at, most(random) / 127);
          case Q4_0 -> setHalf(blocks, at, most(random) / 8);
          case Q4_1 -> {
            double most = most(random);
            setHalf(blocks, at, most / 7.5);
            setHalf(blocks, at + 2, -most);
          }
          default -> {}
        }
      }
      for (long at = 0; at < weights.byteSize(); at += drawn.length) {
        MemorySegment.copy(blocks, 0, weights, at,
            Math.min(drawn.length, weights.byteSize() - at));
      }
    }

    private static void setHalf(MemorySegment blocks, long at, double value) {
      blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16((float) value));
    }

    /** The largest weight of a block of 32. */
    private static double most(Random random) {
      double most = 0;
      for (int i = 0; i < 32; i++) {
        most = Math.max(most, Math.abs(WEIGHT * random.nextGaussian()));
      }
      return most;
    }

    void java(long part, int rows) {
      TensorType type = product.type;
      long strideBytes = type.bytes(N);
      if (product.isInt8()) {
        kernels.dots(type, weights, part, strideBytes, rows, bytes, out, 0);
      } else if (product.isColumns()) {
        for (int c = 0; c < rows; c += COLUMNS_AT_ONCE) {
          int some = Math.min(COLUMNS_AT_ONCE, rows - c);
          for (int k = 0; k < some; k++) {
            offsetsBytes[k] = part + (c + k) * strideBytes;
          }
          kernels.axpysAt(type, h, 0, weights, offsetsBytes, 0, some, out, 0, 0, N);
        }
      } else {
        kernels.dots(type, weights, part, strideBytes, rows, arranged, 0, out, 0, N);
      }
    }

    void control(long part, int rows) {
      control.run(weights.asSlice(part), product.type.bytes(N), rows, nativeX, nativeBytes,
          nativeScales, nativeSums, nativeOut, N);
    }

    void read(long part, int bytes) {
      seen += combined(weights, part, bytes);
    }
  }

  /** All bytes, a multiple of 128 of them, combined by XOR: next to no work beside the loads. */
  private static long combined(MemorySegment memory, long from, int bytes) {
    LongVector a = LongVector.zero(LONGS);
    LongVector b = a;
    LongVector c = a;
    LongVector d = a;
    for (int i = 0; i < bytes; i += 128) {
      a = a.lanewise(VectorOperators.XOR, load(memory, from + i));
      b = b.lanewise(VectorOperators.XOR, load(memory, from + i + 32));
      c = c.lanewise(VectorOperators.XOR, load(memory, from + i + 64));
      d = d.lanewise(VectorOperators.XOR, load(memory, from + i + 96));
    }
    LongVector all = a.lanewise(VectorOperators.XOR, b)
        .lanewise(VectorOperators.XOR, c.lanewise(VectorOperators.XOR, d));
    return all.reduceLanes(VectorOperators.XOR);
  }

  private static LongVector load(MemorySegment memory, long at) {
    return LongVector.fromMemorySegment(LONGS, memory, at, ByteOrder.LITTLE_ENDIAN);
  }

  @Setup(Level.Trial)
  public void allocate() {
    kernels = Kernels.best();
    workers = new Workers(threads);
    arena = Arena.ofShared();
    control = library.equals(NONE) ? null : Control.load(Path.of(library), product, arena);
    lanes = new Lane[threads];
    for (int t = 0; t < threads; t++) {
      lanes[t] = new Lane();
      lanes[t].draw(new Random(t));
    }
    for (int i = 0; i < WARM_CALLS; i++) { // in small pieces, which no interpreter takes seconds for
      lanes[0].java(0, WARM_ROWS);
      lanes[0].read(0, WARM_ROWS << 10);
    }
  }

  @TearDown(Level.Trial)
  public void free() {
    workers.close();
    arena.close();
  }

  @Benchmark
  public long products(Bandwidth bandwidth) {
    bandwidth.memory =
        Math.max(bandwidth.memory, rate(t -> lanes[t].read(partOffsetBytes(), source.partBytes)));
    if (control != null) {
      bandwidth.control = Math.max(bandwidth.control,
          rate(t -> lanes[t].control(partOffsetBytes(), lanes[t].rows)));
    }
    bandwidth.java =
        Math.max(bandwidth.java, rate(t -> lanes[t].java(partOffsetBytes(), lanes[t].rows)));
    return lanes[0].seen; // so that reading is not for nothing
  }

  private long partOffsetBytes() {
    return (long) (turn % source.parts) * source.partBytes;
  }

  /** On all threads at once, each on the part whose turn it is; GB/s. */
  private double rate(IntConsumer work) {
    turn++;
    long start = System.nanoTime();
    workers.parallelFor(
        threads,
        t -> {
          for (int i = 0; i < source.repeats(); i++) {
            work.accept(t);
          }
        });
    long nanos = System.nanoTime() - start;
    return (double) threads * source.repeats() * lanes[0].rows * product.type.bytes(N) / nanos;
  }
}
