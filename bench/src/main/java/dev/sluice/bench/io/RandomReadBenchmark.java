package dev.sluice.bench.io;

import dev.sluice.storage.block.Access;
import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.posix.Libc;
import dev.sluice.storage.posix.OpenFlag;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
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
 * Random reads of one size by each backend: one operation is a batch of about 300 requests (at most
 * 32 MiB), started and consumed. Secondary results: {@code megabytes} (10⁶ bytes) per second, and
 * {@code cpuMicros}, process time, per second of the run.
 *
 * <p>The file is 2 GiB of random bytes in the folder that {@code -Dsluice.bench.folder} names (the
 * temporary folder if none), written once and kept. Its pages are dropped from the page cache
 * before each iteration, so that {@code mmap}, the control, starts cold; within an iteration it may
 * still meet a page twice.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class RandomReadBenchmark {
  private static final long FILE_BYTES = 2L << 30;
  private static final int MAX_BATCH_BYTES = 32 << 20;
  private static final int MAX_REQUESTS = 300;

  /** Where the 2 MiB alignment lets the kernel use huge pages: {@code MADV_HUGEPAGE}, mman.h. */
  private static final int MADV_HUGEPAGE = 14;

  @Param({"IO_URING", "PREAD", "MMAP"})
  public Backend backend;

  @Param({"4096", "16384", "65536", "262144"})
  public int requestBytes;

  private final SplittableRandom random = new SplittableRandom(1);
  private Path file;
  private Arena arena;
  private BlockReader reader;
  private ReadBatch batch;

  /** Sums of one iteration, which JMH divides by its time. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Sums {
    public double megabytes;
    public double cpuMicros;
    private long cpuNanosBefore;

    /** Zeroes the sums. */
    @Setup(Level.Iteration)
    public void begin() {
      megabytes = 0;
      cpuMicros = 0;
      cpuNanosBefore = processNanos();
    }

    void add(long bytes) {
      megabytes += bytes / 1e6;
      long now = processNanos();
      cpuMicros += (now - cpuNanosBefore) / 1e3;
      cpuNanosBefore = now;
    }

    private static long processNanos() {
      return ProcessHandle.current()
          .info()
          .totalCpuDuration()
          .map(Duration::toNanos)
          .orElse(0L);
    }
  }

  /** Writes the file if it is not there, and opens the reader. */
  @Setup(Level.Trial)
  public void open() throws IOException {
    String folder =
        System.getProperty("sluice.bench.folder", System.getProperty("java.io.tmpdir"));
    file = RandomFile.at(Path.of(folder).resolve("sluice-random-read.bin"), FILE_BYTES);
    arena = Arena.ofShared();
    MemorySegment target = arena.allocate(MAX_BATCH_BYTES, 2 << 20);
    Libc.madvise(target.address(), target.byteSize(), MADV_HUGEPAGE);
    target.fill((byte) 1);
    reader = BlockReaders.open(file, backend);
    if (reader.access() == Access.BUFFERED) {
      throw new IOException(file + " cannot be read directly: " + reader.describe());
    }
    reader.prepare(target);
    batch = new ReadBatch(target);
  }

  /** Makes the page cache cold. */
  @Setup(Level.Iteration)
  public void dropPages() {
    int fd = Libc.open(file.toString(), OpenFlag.O_RDONLY);
    Libc.dropCachedPages(fd);
    Libc.close(fd);
  }

  /** Closes; the file stays for the next trial. */
  @TearDown(Level.Trial)
  public void close() {
    reader.close();
    arena.close();
  }

  /** One batch. */
  @Benchmark
  public int randomReads(Sums sums) {
    batch.clear();
    int requests = Math.min(MAX_REQUESTS, MAX_BATCH_BYTES / requestBytes);
    for (int i = 0; i < requests; i++) {
      long place = random.nextLong(FILE_BYTES / requestBytes);
      batch.add(place * requestBytes, requestBytes, (long) i * requestBytes);
    }
    reader.start(batch);
    int completed = 0;
    while (reader.next() >= 0) {
      completed++;
    }
    sums.add((long) requests * requestBytes);
    return completed;
  }
}
