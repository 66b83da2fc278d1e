package dev.sluice.bench.cache;

import dev.sluice.storage.cache.BundleCache;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a cache costs one token at the AFM-4.5B shape (36 layers of 18,432 bundles, 10 % active, slots for half of them). A
 * token is everything: split, the slot of each hit, a slot for each miss, and the boundary.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = {"-Xms1g", "-Xmx1g"})
public abstract class CacheBenchmark {
  private static final int LAYERS = 36;
  private static final int BUNDLES = 18_432;
  private static final int TRACE_TOKENS = 128;

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
  private final long[] hits = new long[BUNDLES / 64];
  private final long[] misses = new long[BUNDLES / 64];
  private HabitualTrace trace;
  private BundleCache cache;
  private int token;
  private long tokensRun;
  private long processorNanosBefore;

  /**
   * Sums over the measured tokens: bytes per token can be read as bytes per miss, and processor
   * time per token holds on a machine that is busy with other things.
   */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Sums {
    /** Tokens run. */
    public long tokens;

    /** Processor time of the benchmark's thread, milliseconds. */
    public double processorMillis;

    /** Active bundles that were not resident. */
    public long missedBundles;

    /** Misses for which no slot was free. */
    public long refusedBundles;
  }

  abstract BundleCache open(BundleCache.Shape shape, int slots);

  /** Makes the trace, fills the slots and lets the cache settle. */
  @Setup
  public void fill() {
    trace = new HabitualTrace(TRACE_TOKENS, LAYERS, BUNDLES, 0.10, 1);
    cache = open(new BundleCache.Shape(LAYERS, BUNDLES), LAYERS * BUNDLES / 2);
    for (int i = 0; i < TRACE_TOKENS; i++) {
      runToken(i);
    }
  }

  /** Starts the account of an iteration. */
  @Setup(Level.Iteration)
  public void start() {
    cache.resetCounters();
    tokensRun = 0;
    processorNanosBefore = threads.getCurrentThreadCpuTime();
  }

  /** Closes the account of an iteration. */
  @TearDown(Level.Iteration)
  public void account(Sums sums) {
    sums.processorMillis = (threads.getCurrentThreadCpuTime() - processorNanosBefore) / 1e6;
    sums.tokens = tokensRun;
    sums.missedBundles = cache.misses();
    sums.refusedBundles = cache.refused();
  }

  /** The next token of the trace. */
  @Benchmark
  public long nextToken() {
    token = token + 1 == TRACE_TOKENS ? 0 : token + 1;
    return runToken(token);
  }

  /** One token over and over: hits only, once the first pass has admitted its bundles. */
  @Benchmark
  public long sameToken() {
    return runToken(0);
  }

  private long runToken(int index) {
    tokensRun++;
    long sum = 0;
    for (int layer = 0; layer < LAYERS; layer++) {
      cache.split(layer, trace.active(index, layer), hits, misses);
      for (int word = 0; word < hits.length; word++) {
        for (long rest = hits[word]; rest != 0; rest &= rest - 1) {
          sum += cache.slotOf(layer, word << 6 | Long.numberOfTrailingZeros(rest));
        }
        for (long rest = misses[word]; rest != 0; rest &= rest - 1) {
          sum += cache.admit(layer, word << 6 | Long.numberOfTrailingZeros(rest));
        }
      }
    }
    cache.endToken();
    return sum;
  }
}
