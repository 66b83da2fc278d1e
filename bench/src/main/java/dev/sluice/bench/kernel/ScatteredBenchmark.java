package dev.sluice.bench.kernel;

import dev.sluice.engine.kernel.BlockScales;
import dev.sluice.engine.kernel.Int8Vector;
import dev.sluice.engine.kernel.Kernels;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
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
 * A token's FFN arithmetic at the AFM-4.5B shape with every bundle resident: 36 layers, of each 1,900 of 18,432 neurons, a
 * Q8_0 row and an int8 column of 2,560 each side by side in slots that are scattered over 1 GiB of huge pages, and resident
 * scales for each 32 neurons. As one layer does it: products of rows with int8 activations, then the sum of columns. One
 * operation takes a layer in Java and another one in C, which asks for cache lines ahead by instructions that Java lacks.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 1, time = 1)
@Measurement(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
      "-Xbatch"})
public class ScatteredBenchmark {
  static final int LAYERS = 36;
  private static final int ACTIVE = 1900;
  private static final int NEURONS = 18_432;
  private static final int N = 2560;
  private static final int BLOCK_NEURONS = 32;
  private static final int GROUP_NEURONS = NEURONS / 16;
  private static final int CHUNK_ROWS = 64;
  private static final int ROW_BYTES = Math.toIntExact(TensorType.Q8_0.bytes(N));
  private static final int BUNDLE_BYTES = ROW_BYTES + N;
  private static final long MEMORY_BYTES = 1L << 30;
  private static final short SCALE = Float.floatToFloat16(0x1p-8f);
  private static final int WARM_TOKENS = 20;

  /** Milliseconds of the fastest layer of an iteration, and bytes that a layer takes. */
  @AuxCounters(AuxCounters.Type.EVENTS)
  @State(Scope.Thread)
  public static class LayerMillis {
    private final double[] least = new double[4];

    @Setup(Level.Iteration)
    public void reset() {
      Arrays.fill(least, Double.POSITIVE_INFINITY);
    }

    void add(int which, long start) {
      least[which] = Math.min(least[which], (System.nanoTime() - start) * 1e-6);
    }

    public double javaRows() {
      return least[0];
    }

    public double javaColumns() {
      return least[1];
    }

    public double controlRows() {
      return least[2];
    }

    public double controlColumns() {
      return least[3];
    }
  }

  @Param({"1", "2"})
  int threads;

  /** The compiled control. */
  @Param(WeightBenchmark.NONE)
  String library;

  private final Kernels kernels = Kernels.best();
  private Workers workers;
  private Arena arena;
  private ScatteredControl control;
  private MemorySegment memory;
  private MemorySegment scales;
  private Layer[] layers;
  private int turn;

  private final Int8Vector x = new Int8Vector(N);
  private final float[] h = new float[ACTIVE];
  private final float[] out = new float[ACTIVE];
  private final float[] y = new float[N];
  private final float[][] sums = new float[NEURONS / GROUP_NEURONS][N];
  private final float[][] scratch = new float[NEURONS / GROUP_NEURONS][N];
  private MemorySegment nativeX;
  private MemorySegment nativeXScales;
  private MemorySegment nativeH;
  private MemorySegment nativeOut;
  private MemorySegment nativeSums;

  /** The active neurons of a layer, ascending, and where their bundles are. */
  private final class Layer {
    final int[] neurons;
    final int[] groupFirst = new int[NEURONS / GROUP_NEURONS + 1];
    final long[] rowsAt = new long[ACTIVE];
    final long[] columnsAt = new long[ACTIVE];
    final BlockScales blockScales;
    final MemorySegment nativeNeurons = arena.allocate(4L * ACTIVE, 64);
    final MemorySegment nativeBundles = arena.allocate(8L * ACTIVE, 64);

    Layer(int index, int[] slots, Random random) {
      BitSet active = new BitSet();
      while (active.cardinality() < ACTIVE) {
        active.set(random.nextInt(NEURONS));
      }
      neurons = active.stream().toArray();
      for (int k = 0; k < ACTIVE; k++) {
        rowsAt[k] = (long) slots[index * ACTIVE + k] * BUNDLE_BYTES;
        columnsAt[k] = rowsAt[k] + ROW_BYTES;
        nativeNeurons.setAtIndex(ValueLayout.JAVA_INT, k, neurons[k]);
        nativeBundles.setAtIndex(ValueLayout.JAVA_LONG, k, rowsAt[k]);
        groupFirst[neurons[k] / GROUP_NEURONS + 1] = k + 1;
      }
      blockScales =
          new BlockScales(TensorType.F16, scales, index * scalesBytes(), N, BLOCK_NEURONS);
    }
  }

  private static long scalesBytes() {
    return NEURONS / BLOCK_NEURONS * TensorType.F16.bytes(N);
  }

  @Setup(Level.Trial)
  public void allocate() {
    workers = new Workers(threads);
    arena = Arena.ofShared();
    control = library.equals(WeightBenchmark.NONE) ? null
        : ScatteredControl.load(Path.of(library), arena);
    Random random = new Random(1);
    memory = AnonymousMemory.map(MEMORY_BYTES, arena);
    int count = Math.toIntExact(MEMORY_BYTES / BUNDLE_BYTES);
    byte[] drawn = new byte[BUNDLE_BYTES];
    random.nextBytes(drawn);
    for (int at = 0; at < ROW_BYTES; at += TensorType.Q8_0.blockBytes()) {
      MemorySegment.ofArray(drawn).set(ValueLayout.JAVA_SHORT_UNALIGNED, at, SCALE);
    }
    for (int slot = 0; slot < count; slot++) {
      MemorySegment.copy(drawn, 0, memory, ValueLayout.JAVA_BYTE, (long) slot * BUNDLE_BYTES,
          BUNDLE_BYTES);
    }
    scales = AnonymousMemory.map(LAYERS * scalesBytes(), arena);
    for (long i = 0; i < scales.byteSize() / 2; i++) {
      scales.setAtIndex(ValueLayout.JAVA_SHORT, i, SCALE);
    }
    int[] slots = shuffled(count, random);
    layers = new Layer[LAYERS];
    for (int layer = 0; layer < LAYERS; layer++) {
      layers[layer] = new Layer(layer, slots, random);
    }
    drawActivations(random);
    LayerMillis ignored = new LayerMillis();
    for (int i = 0; i < WARM_TOKENS * LAYERS; i++) {
      layer(ignored);
    }
  }

  private static int[] shuffled(int count, Random random) {
    int[] slots = new int[count];
    for (int i = 0; i < count; i++) {
      int other = random.nextInt(i + 1);
      slots[i] = slots[other];
      slots[other] = i;
    }
    return slots;
  }

  private void drawActivations(Random random) {
    float[] drawn = new float[N];
    for (int i = 0; i < N; i++) {
      drawn[i] = (float) random.nextGaussian();
    }
    kernels.quantise(drawn, 0, N, x);
    nativeX = arena.allocate(N, 64);
    nativeXScales = arena.allocate(N / 8, 64);
    for (int i = 0; i < N; i++) {
      nativeX.set(ValueLayout.JAVA_BYTE, i, (byte) x.quant(i));
      nativeXScales.setAtIndex(ValueLayout.JAVA_FLOAT, i / 32, x.scale(i / 32));
    }
    nativeH = arena.allocate(4L * ACTIVE, 64);
    for (int k = 0; k < ACTIVE; k++) {
      h[k] = (float) random.nextGaussian();
      nativeH.setAtIndex(ValueLayout.JAVA_FLOAT, k, h[k]);
    }
    nativeOut = arena.allocate(4L * ACTIVE, 64);
    nativeSums = arena.allocate(4L * N * sums.length, 64);
  }

  @TearDown(Level.Trial)
  public void free() {
    workers.close();
    arena.close();
  }

  @Benchmark
  public float layer(LayerMillis millis) {
    int index = turn++ % LAYERS;
    Layer layer = layers[index];
    long start = System.nanoTime();
    workers.parallelFor(Math.ceilDiv(ACTIVE, CHUNK_ROWS), c -> {
      int from = c * CHUNK_ROWS;
      kernels.dotsAt(TensorType.Q8_0, memory, layer.rowsAt, from, Math.min(CHUNK_ROWS,
          ACTIVE - from), x, out, from);
    });
    millis.add(0, start);
    start = System.nanoTime();
    workers.parallelFor(sums.length, g -> {
      Arrays.fill(sums[g], 0);
      int first = layer.groupFirst[g];
      kernels.addBlocksAt(TensorType.I8, first, layer.groupFirst[g + 1] - first, layer.neurons, h,
          memory, layer.columnsAt, layer.blockScales, scratch[g], sums[g], N);
    });
    Arrays.fill(y, 0);
    for (float[] group : sums) {
      kernels.axpy(1f, group, 0, y, 0, N);
    }
    millis.add(1, start);
    if (control != null) {
      control(layers[(index + LAYERS / 2) % LAYERS], (index + LAYERS / 2) % LAYERS, millis);
    }
    return y[0] + out[0];
  }

  private void control(Layer layer, int index, LayerMillis millis) {
    long start = System.nanoTime();
    workers.parallelFor(Math.ceilDiv(ACTIVE, CHUNK_ROWS), c -> {
      int from = c * CHUNK_ROWS;
      control.rows(memory, layer.nativeBundles, from, Math.min(ACTIVE, from + CHUNK_ROWS), nativeX,
          nativeXScales, nativeOut, N);
    });
    millis.add(2, start);
    start = System.nanoTime();
    nativeSums.fill((byte) 0);
    workers.parallelFor(sums.length, g -> control.columns(memory, layer.nativeBundles, ROW_BYTES,
        layer.nativeNeurons, layer.groupFirst[g], layer.groupFirst[g + 1], nativeH,
        scales.asSlice(index * scalesBytes()), nativeSums.asSlice(4L * N * g), N));
    millis.add(3, start);
  }
}
