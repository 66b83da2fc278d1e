package dev.sluice.engine.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Finds out whether weights that are read from front to back come sooner if their cache lines are touched, a stretch at a time, before
 * they are computed. Processors ask for the next lines of a stream themselves, but some for so few that a loop which computes much for
 * each line waits, while one that only loads has many under way (docs/kernels.md). No processor says so; hence a loop's first calls do it
 * both ways, by lot, and the quicker one is taken from then on. No bit of a result depends on it. Thread-safe.
 */
public final class TouchTrial {
  /** How a call reads its weights. */
  public enum Way {
    PLAIN,
    TOUCHED
  }

  /** About as much as is touched at a time: many lines, and no more than caches hold beside it. */
  public static final int STRETCH_BYTES = 32 << 10;

  /** Calls that read less are left alone: their weights may lie in a cache. */
  static final long LEAST_BYTES = 32 << 10;

  static final long WARM_UP_NANOS = 2_000_000_000; // until loops are compiled
  static final int SAMPLES = 48; // of each way
  private static final double WORTH_IT = 0.93;
  private static final int LINE_BYTES = 64;

  private final AtomicInteger calls = new AtomicInteger();
  private final double[][] nanosPerByte = new double[Way.values().length][SAMPLES];
  private final int[] taken = new int[Way.values().length];
  private boolean begun;
  private long firstNanos; // of the first call
  private volatile Way decided; // null as long as it is open

  /** How the next call that reads so many bytes should do it. */
  public Way way(long bytes) {
    if (bytes < LEAST_BYTES) {
      return Way.PLAIN;
    }
    Way known = decided;
    // By lot, since threads that took turns would each always get the same.
    return known != null ? known : calls.getAndIncrement() * 0x9e3779b9 < 0 ? Way.PLAIN
        : Way.TOUCHED;
  }

  /**
   * Notes a call that did as it was told, and that ends now.
   *
   * @param startNanos {@link System#nanoTime} at its start
   */
  public void took(Way way, long bytes, long startNanos) {
    if (decided == null && bytes >= LEAST_BYTES) {
      note(way, bytes, startNanos, System.nanoTime());
    }
  }

  /** The same with both ends given. */
  synchronized void note(Way way, long bytes, long startNanos, long endNanos) {
    if (!begun) {
      begun = true;
      firstNanos = startNanos;
    }
    if (startNanos - firstNanos < WARM_UP_NANOS) {
      return;
    }
    int k = way.ordinal();
    if (taken[k] < SAMPLES) {
      nanosPerByte[k][taken[k]++] = (endNanos - startNanos) / (double) bytes;
    }
    if (decided == null && taken[0] == SAMPLES && taken[1] == SAMPLES) {
      boolean pays = median(Way.TOUCHED) < WORTH_IT * median(Way.PLAIN);
      decided = pays ? Way.TOUCHED : Way.PLAIN;
    }
  }

  private double median(Way way) {
    double[] costs = nanosPerByte[way.ordinal()];
    Arrays.sort(costs);
    return costs[SAMPLES / 2];
  }

  /**
   * Loads a byte of every line of a stretch.
   *
   * @throws IndexOutOfBoundsException if it is not within {@code memory}
   */
  public static void touch(MemorySegment memory, long offsetBytes, long bytes) {
    Objects.checkFromIndexSize(offsetBytes, bytes, memory.byteSize());
    int end = Math.toIntExact(bytes);
    long seen = 0;
    for (int at = 0; at < end; at += LINE_BYTES) {
      seen += memory.get(ValueLayout.JAVA_BYTE, offsetBytes + at);
    }
    Lanes.scratch()[Lanes.SINK] = seen; // so that the compiler cannot leave the loads out
  }

  /** The same of checked memory. */
  static void touch(long address, long bytes) {
    int end = Math.toIntExact(bytes);
    long from = NativeMemory.bounded(address);
    long seen = 0;
    for (int at = 0; at < end; at += LINE_BYTES) {
      seen += NativeMemory.bits8(from + at);
    }
    Lanes.scratch()[Lanes.SINK] = seen;
  }
}
