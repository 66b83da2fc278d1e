package dev.sluice.engine.kernel;

import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** How fast weights pass through the row kernels from memory, all threads together; measured in about a second. */
public final class WeightSpeed {
  private static final int WEIGHT_BYTES = 64 << 20; // beyond any cache
  private static final int ROWS_PER_TASK = 64;
  private static final int WARM_UP_PASSES = 6;
  private static final long NANOS = 400_000_000;

  private WeightSpeed() {}

  /**
   * Weight bytes per second.
   *
   * @param columns of a row, as the model has them
   */
  public static double bytesPerSecond(TensorType type, int columns, Kernels kernels,
      Workers workers) {
    long rowBytes = type.bytes(columns);
    int rows = (int) Math.max(ROWS_PER_TASK, WEIGHT_BYTES / rowBytes);
    float[] natural = new float[columns];
    float[] arranged = new float[columns];
    kernels.arrange(type, natural, 0, arranged, 0, columns);
    boolean useInt8 = Int8Vector.suits(type) && columns % Int8Vector.BLOCK == 0;
    Int8Vector quantised =
        new Int8Vector(Math.ceilDiv(columns, Int8Vector.BLOCK) * Int8Vector.BLOCK);
    if (useInt8) {
      kernels.quantise(natural, 0, columns, quantised);
    }
    float[] out = new float[rows];
    try (Arena arena = Arena.ofShared()) {
      MemorySegment weights = AnonymousMemory.map(rows * rowBytes, arena);
      AnonymousMemory.populate(weights);
      long passes = 0;
      long start = System.nanoTime();
      for (int pass = 0;; pass++) {
        if (pass == WARM_UP_PASSES) {
          start = System.nanoTime();
          passes = 0;
        }
        workers.parallelFor(
            Math.ceilDiv(rows, ROWS_PER_TASK),
            task -> {
              int from = task * ROWS_PER_TASK;
              int count = Math.min(ROWS_PER_TASK, rows - from);
              if (useInt8) {
                kernels.dots(type, weights, from * rowBytes, rowBytes, count, quantised, out, from);
              } else {
                kernels.dots(type, weights, from * rowBytes, rowBytes, count, arranged, 0, out,
                    from, columns);
              }
            });
        passes++;
        long spent = System.nanoTime() - start;
        if (pass > WARM_UP_PASSES && spent > NANOS) {
          return passes * (double) rows * rowBytes / spent * 1e9;
        }
      }
    }
  }
}
