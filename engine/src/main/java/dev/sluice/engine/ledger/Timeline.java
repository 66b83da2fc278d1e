package dev.sluice.engine.ledger;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What each thread did when, at one token of a run: the one that comes nearest to the median of the tokens before it (256 at most), after
 * the first {@value #WARM_TOKENS}, in which caches fill and the JVM compiles. The ledger writes, under its lock; whoever reads
 * does so when the run is over.
 */
public final class Timeline {
  /** Tokens that are not looked at. */
  public static final int WARM_TOKENS = 8;

  private static final int MEDIAN_OF_TOKENS = 256;
  private static final int NONE = -1;
  private static final long ALL = -1;

  private Spans current = new Spans();
  private Spans kept = new Spans();
  private int keptToken = NONE;
  private long keptNanos;

  /** Spans as a struct of arrays: a token has some thousands. */
  private static final class Spans {
    private byte[] quantity = new byte[256];
    private short[] layer = new short[256];
    private long[] thread = new long[256];
    private long[] start = new long[256];
    private long[] end = new long[256];
    private int size;
  }

  /**
   * A stretch of the token, cut into equal bins.
   *
   * @param firstNanos where it begins, since the token's first span
   * @param binNanos width of a bin
   * @param threads one for each thread, in the order in which they first appear: in each bin the ordinal of the quantity that
   *     took most of it, or −1 where most of it went to none
   */
  public record Lanes(long firstNanos, long binNanos, List<int[]> threads) {}

  /** Time of the calling thread. */
  void add(int layer, Quantity quantity, long startNanos, long endNanos) {
    add(Thread.currentThread().threadId(), layer, quantity, startNanos, endNanos);
  }

  /** Time in which every thread that did nothing else worked on this. */
  void addOfAll(int layer, Quantity quantity, long startNanos, long endNanos) {
    add(ALL, layer, quantity, startNanos, endNanos);
  }

  private void add(long thread, int layer, Quantity quantity, long startNanos, long endNanos) {
    Spans to = current;
    int at = to.size;
    if (at == to.quantity.length) {
      to.quantity = Arrays.copyOf(to.quantity, 2 * at);
      to.layer = Arrays.copyOf(to.layer, 2 * at);
      to.thread = Arrays.copyOf(to.thread, 2 * at);
      to.start = Arrays.copyOf(to.start, 2 * at);
      to.end = Arrays.copyOf(to.end, 2 * at);
    }
    to.quantity[at] = (byte) quantity.ordinal();
    to.layer[at] = (short) layer;
    to.thread[at] = thread;
    to.start[at] = startNanos;
    to.end[at] = endNanos;
    to.size++;
  }

  void endToken(int token, long nanos, long[] allNanos) {
    if (token >= WARM_TOKENS) {
      long[] sorted = Arrays.copyOfRange(allNanos,
          Math.max(WARM_TOKENS, token + 1 - MEDIAN_OF_TOKENS), token + 1);
      Arrays.sort(sorted);
      long median = sorted[(sorted.length - 1) / 2];
      if (keptToken == NONE || Math.abs(nanos - median) < Math.abs(keptNanos - median)) {
        Spans spans = kept;
        kept = current;
        current = spans;
        keptToken = token;
        keptNanos = nanos;
      }
    }
    current.size = 0;
  }

  void clear() {
    current.size = 0;
    kept.size = 0;
    keptToken = NONE;
  }

  /** Whether a token was kept. */
  public boolean isKept() {
    return keptToken != NONE;
  }

  /** Index of the token among the run's single tokens. */
  public int token() {
    return keptToken;
  }

  /** Its time in all. */
  public long tokenNanos() {
    return keptNanos;
  }

  /** The whole token in so many bins. */
  public Lanes whole(int bins) {
    return lanes(first(), last(), bins);
  }

  /** From a layer's first span to its last, in so many bins. */
  public Lanes layer(int layer, int bins) {
    long from = Long.MAX_VALUE;
    long to = Long.MIN_VALUE;
    for (int i = 0; i < kept.size; i++) {
      if (kept.layer[i] == layer && kept.quantity[i] != Quantity.HEAD_NANOS.ordinal()) {
        from = Math.min(from, kept.start[i]);
        to = Math.max(to, kept.end[i]);
      }
    }
    return lanes(from, to, bins);
  }

  private long first() {
    long first = Long.MAX_VALUE;
    for (int i = 0; i < kept.size; i++) {
      first = Math.min(first, kept.start[i]);
    }
    return first;
  }

  private long last() {
    long last = Long.MIN_VALUE;
    for (int i = 0; i < kept.size; i++) {
      last = Math.max(last, kept.end[i]);
    }
    return last;
  }

  private Lanes lanes(long from, long to, int bins) {
    long bin = Math.max(1, Math.ceilDiv(to - from, bins));
    int quantities = Quantity.values().length;
    Map<Long, long[]> taken = new LinkedHashMap<>(); // thread → bin · quantities + quantity
    for (int i = 0; i < kept.size; i++) {
      long start = Math.max(from, kept.start[i]);
      long end = Math.min(to, kept.end[i]);
      long[] cells = taken.computeIfAbsent(kept.thread[i], _ -> new long[bins * quantities]);
      for (long at = start; at < end;) {
        int b = (int) ((at - from) / bin);
        long until = Math.min(end, from + (b + 1) * bin);
        cells[b * quantities + kept.quantity[i]] += until - at;
        at = until;
      }
    }
    long[] shared = taken.remove(ALL);
    if (shared != null) {
      taken.values().forEach(cells -> fill(cells, shared, bins, bin));
    }
    return new Lanes(from - first(), bin,
        taken.values().stream().map(cells -> mostOf(cells, bins, bin)).toList());
  }

  /** Gives what all did the time that a thread has left in each bin. */
  private static void fill(long[] cells, long[] shared, int bins, long binNanos) {
    int quantities = cells.length / bins;
    for (int b = 0; b < bins; b++) {
      long left = binNanos;
      for (int q = 0; q < quantities; q++) {
        left -= cells[b * quantities + q];
      }
      for (int q = 0; q < quantities && left > 0; q++) {
        long given = Math.min(left, shared[b * quantities + q]);
        cells[b * quantities + q] += given;
        left -= given;
      }
    }
  }

  private static int[] mostOf(long[] cells, int bins, long binNanos) {
    int quantities = cells.length / bins;
    int[] most = new int[bins];
    for (int b = 0; b < bins; b++) {
      long none = binNanos;
      most[b] = -1;
      long top = 0;
      for (int q = 0; q < quantities; q++) {
        long nanos = cells[b * quantities + q];
        none -= nanos;
        if (nanos > top) {
          top = nanos;
          most[b] = q;
        }
      }
      if (none > top) {
        most[b] = -1;
      }
    }
    return most;
  }
}
