package dev.sluice.bench.io;

import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.plan.ReadPlanner;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Planning the reads of one layer at the AFM-4.5B shape: 18,432 bundles of 5,440 bytes, of which a share is missed. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class PlannerBenchmark {
  private static final int BUNDLES = 18_432;
  private static final int BUNDLE_BYTES = 5440;
  private static final int STAGING_BYTES = 8 << 20;

  /** Share of bundles that are read. */
  @Param({"0.01", "0.1"})
  public double missShare;

  private final ReadPlanner planner =
      new ReadPlanner(new ReadPlanner.Limits(4096, 16 << 10, 512 << 10));
  private Arena arena;
  private ReadBatch batch;
  private int[] missed;

  /** Draws what is missed. */
  @Setup
  public void draw() {
    SplittableRandom random = new SplittableRandom(1);
    missed = IntStream.range(0, BUNDLES).filter(_ -> random.nextDouble() < missShare).toArray();
    arena = Arena.ofShared();
    batch = new ReadBatch(arena.allocate(STAGING_BYTES));
  }

  /** Frees the staging memory. */
  @TearDown
  public void close() {
    arena.close();
  }

  /** One layer, in as many batches as staging needs. */
  @Benchmark
  public int planLayer() {
    planner.clear();
    for (int bundle : missed) {
      planner.want((long) bundle * BUNDLE_BYTES, BUNDLE_BYTES);
    }
    int requests = 0;
    while (planner.fill(batch)) {
      requests += batch.size();
    }
    return requests;
  }
}
