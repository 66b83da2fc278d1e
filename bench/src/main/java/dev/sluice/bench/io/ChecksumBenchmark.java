package dev.sluice.bench.io;

import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.store.PageChecksums;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
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

/** Verifying one read of random bytes, from memory that is larger than the caches, as a read from a disk leaves it. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class ChecksumBenchmark {
  private static final int MEMORY_BYTES = 128 << 20;
  private static final Path FILE = Path.of("memory");

  @Param({"4096", "16384", "262144"})
  public int readBytes;

  private Arena arena;
  private MemorySegment memory;
  private PageChecksums checksums;
  private long at;

  /** Fills the memory. */
  @Setup
  public void fill() {
    arena = Arena.ofShared();
    memory = AnonymousMemory.map(MEMORY_BYTES, arena);
    SplittableRandom random = new SplittableRandom(1);
    for (long offset = 0; offset < MEMORY_BYTES; offset += Long.BYTES) {
      memory.set(ValueLayout.JAVA_LONG, offset, random.nextLong());
    }
    checksums = PageChecksums.of(memory);
  }

  /** Frees the memory. */
  @TearDown
  public void close() {
    arena.close();
  }

  /** The next read. */
  @Benchmark
  public long verify() {
    at = at + readBytes == MEMORY_BYTES ? 0 : at + readBytes;
    checksums.verify(FILE, at, memory, at, readBytes);
    return at;
  }
}
