package dev.sluice.engine.ledger;

import java.util.Arrays;

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

  /** Receives spans. */
  public interface Sink {
    /**
     * One stretch of one thread's time.
     *
     * @param thread its number in the JVM
     * @param startNanos since the token's first span
     */
    void span(long thread, int layer, Quantity quantity, long startNanos, long endNanos);
  }

  void add(int layer, Quantity quantity, long startNanos, long endNanos) {
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
    to.thread[at] = Thread.currentThread().threadId();
    to.start[at] = startNanos;
    to.end[at] = endNanos;
    to.size++;
  }

  void endToken(int token, long nanos, long[] allNanos) {
    if (token >= WARM_TOKENS) {
      long[] sorted = Arrays.copyOfRange(allNanos,
          Math.max(WARM_TOKENS, token + 1 - MEDIAN_OF_TOKENS), token + 1);
      Arrays.sort(sorted);
      long median = sorted[sorted.length / 2];
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

  /** Tells all spans of the token in the order in which they ended. */
  public void forEach(Sink sink) {
    long first = Long.MAX_VALUE;
    for (int i = 0; i < kept.size; i++) {
      first = Math.min(first, kept.start[i]);
    }
    Quantity[] quantities = Quantity.values();
    for (int i = 0; i < kept.size; i++) {
      sink.span(kept.thread[i], kept.layer[i], quantities[kept.quantity[i]],
          kept.start[i] - first, kept.end[i] - first);
    }
  }
}
