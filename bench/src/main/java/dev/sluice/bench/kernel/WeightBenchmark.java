package dev.sluice.bench.kernel;

import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
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
 * all three, one after another, about a millisecond each, so that whatever else the machine does meets all of them alike.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 1, time = 1)
@Measurement(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class WeightBenchmark {
  /** Stands for a missing control. */
  static final String NONE = "none";

  private static final int N = 2560;
  private static final int COLUMNS_AT_ONCE = 32;
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_256;

  /** Where the weights come from: half an L2 cache, or far more than any cache holds. */
  public enum Source {
    L2(512 << 10, 1, 16),
    DRAM(32 << 20, 8, 1);

    /** Bytes that one thread works on at a time. */
    private final int partBytes;
    /** Parts that take turns. */
    private final int parts;
    private final int repeats;

    Source(int partBytes, int parts, int repeats) {
      this.partBytes = partBytes;
      this.parts = parts;
      this.repeats = repeats;
    }
  }

  /** GB/s of all threads together. */
  @AuxCounters(AuxCounters.Type.EVENTS)
  @State(Scope.Thread)
  public static class Bandwidth {
    private long bytes;
    private long javaNanos;
    private long controlNanos;
    private long memoryNanos;

    @Setup(Level.Iteration)
    public void reset() {
      bytes = 0;
      javaNanos = 0;
      controlNanos = 0;
      memoryNanos = 0;
    }

    public double java() {
      return rate(javaNanos);
    }

    public double control() {
      return rate(controlNanos);
    }

    public double memory() {
      return rate(memoryNanos);
    }

    private double rate(long nanos) {
      return nanos == 0 ? 0 : (double) bytes / nanos;
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
    final MemorySegment weights = arena.allocate((long) source.partBytes * source.parts, 64);
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

    /** A stretch drawn once and repeated: values hardly matter, page faults do. */
    private void fill(Random random) {
      TensorType type = product.type;
      byte[] drawn = new byte[(1 << 16) / type.blockBytes() * type.blockBytes()];
      random.nextBytes(drawn);
      MemorySegment blocks = MemorySegment.ofArray(drawn);
      for (int at = 0; at < drawn.length; at += type.blockBytes()) {
        float w = (float) random.nextGaussian() * 0.02f;
        switch (type) {
          case F16 ->
              blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16(w));
          case BF16 ->
              blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, at,
                  (short) (Float.floatToRawIntBits(w) >>> 16));
          case I8 -> {}
          default -> blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, at,
              Float.floatToFloat16(Math.abs(w) / 8));
        }
        if (type == TensorType.Q4_1) {
          blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2, Float.floatToFloat16(-w));
        }
      }
      for (long at = 0; at < weights.byteSize(); at += drawn.length) {
        MemorySegment.copy(blocks, 0, weights, at,
            Math.min(drawn.length, weights.byteSize() - at));
      }
    }

    void java(long part) {
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

    void control(long part) {
      control.run(weights.asSlice(part), product.type.bytes(N), rows, nativeX, nativeBytes,
          nativeScales, nativeSums, nativeOut, N);
    }

    void read(long part) {
      seen += combined(weights, part, source.partBytes);
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
  }

  @TearDown(Level.Trial)
  public void free() {
    workers.close();
    arena.close();
  }

  @Benchmark
  public long products(Bandwidth bandwidth) {
    bandwidth.memoryNanos += timed(t -> lanes[t].read(partBytes()));
    bandwidth.controlNanos += control == null ? 0 : timed(t -> lanes[t].control(partBytes()));
    bandwidth.javaNanos += timed(t -> lanes[t].java(partBytes()));
    bandwidth.bytes += (long) threads * source.repeats * lanes[0].rows * product.type.bytes(N);
    return lanes[0].seen; // so that reading is not for nothing
  }

  private long partBytes() {
    return (long) (turn % source.parts) * source.partBytes;
  }

  /** On all threads at once, each on the part whose turn it is. */
  private long timed(IntConsumer work) {
    turn++;
    long start = System.nanoTime();
    workers.parallelFor(
        threads,
        t -> {
          for (int i = 0; i < source.repeats; i++) {
            work.accept(t);
          }
        });
    return System.nanoTime() - start;
  }
}
