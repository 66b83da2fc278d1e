package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
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

  /** About as much as is touched at a time, at most: many lines, and no more than caches hold beside it. */
  public static final int STRETCH_BYTES = 48 << 10;

  /** Calls that read less are left alone: their weights may lie in a cache. */
  static final long LEAST_BYTES = 32 << 10;

  // Until loops are compiled: since the first call, and of it in calls, for there may be long pauses.
  static final long WARM_UP_NANOS = 2_000_000_000;
  static final long WARM_UP_CALL_NANOS = 300_000_000;
  static final int SAMPLES = 48; // of each way
  private static final double WORTH_IT = 0.93;

  private final AtomicInteger calls = new AtomicInteger();
  private final double[][] nanosPerByte = new double[Way.values().length][SAMPLES];
  private final int[] taken = new int[Way.values().length];
  private long inCallsNanos;
  private long firstNanos; // of the first call, once there was one
  private volatile Way decided; // null as long as it is open

  /** A trial for the rows of each type, which are loops of their own. */
  static Map<TensorType, TouchTrial> ofEachType() {
    Map<TensorType, TouchTrial> trials = new EnumMap<>(TensorType.class);
    for (TensorType type : TensorType.values()) {
      trials.put(type, new TouchTrial());
    }
    return trials;
  }

  /** How the next call that reads so many bytes should do it. */
  public Way way(long bytes) {
    if (bytes < LEAST_BYTES) {
      return Way.PLAIN;
    }
    Way known = decided;
    if (known != null) {
      return known;
    }
    // By lot, since threads that took turns would each always get the same.
    return calls.getAndIncrement() * 0x9e3779b9 < 0 ? Way.PLAIN : Way.TOUCHED;
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
    firstNanos = inCallsNanos == 0 ? startNanos : firstNanos;
    long nanos = endNanos - startNanos;
    boolean warm = startNanos - firstNanos >= WARM_UP_NANOS && inCallsNanos >= WARM_UP_CALL_NANOS;
    inCallsNanos += nanos;
    if (!warm) {
      return;
    }
    int k = way.ordinal();
    if (taken[k] < SAMPLES) {
      nanosPerByte[k][taken[k]++] = nanos / (double) bytes;
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
}
