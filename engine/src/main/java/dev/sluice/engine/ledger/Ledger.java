package dev.sluice.engine.ledger;

import java.util.Arrays;

/**
 * Counts of a run, one cell per token, layer and {@link Quantity}. Grows with the run. One thread, but for times.
 */
public final class Ledger {
  private static final int QUANTITIES = Quantity.values().length;

  private final int layers;
  private long[] cells;
  private long[] tokenNanos = new long[16];
  private int tokens;

  private final int threads;
  private final Timeline timeline = new Timeline();

  /** A ledger of work that one thread does. */
  public Ledger(int layers) {
    this(layers, 1);
  }

  /**
   * @param threads that work at a time: times are theirs together divided by this, so that they add up to a token's
   */
  public Ledger(int layers, int threads) {
    this.layers = layers;
    this.threads = threads;
    this.cells = new long[16 * layers * QUANTITIES];
  }

  /** Adds to the current token's cell. */
  public void add(int layer, Quantity quantity, long amount) {
    cells[cell(tokens, layer, quantity)] += amount;
  }

  /**
   * Adds the time that the calling thread spent, from {@code startNanos} to {@code endNanos} of {@link System#nanoTime}, as its
   * share of the team's. Thread-safe.
   */
  public synchronized void spent(int layer, Quantity quantity, long startNanos, long endNanos) {
    cells[cell(tokens, layer, quantity)] += (endNanos - startNanos) / threads;
    timeline.add(layer, quantity, startNanos, endNanos);
  }

  /** Adds time that the caller spent while the whole team worked for it, or waited for it. Thread-safe. */
  public synchronized void spentByAll(int layer, Quantity quantity, long startNanos,
      long endNanos) {
    add(layer, quantity, endNanos - startNanos);
    timeline.addOfAll(layer, quantity, startNanos, endNanos);
  }

  /**
   * Takes back from what {@link #spentByAll} was told: from start to end, one thread of the team did something else.
   * Thread-safe.
   *
   * @param untilNanos when what was booked ended; the thread may have taken longer
   */
  public synchronized void oneDidOtherwise(
      int layer, Quantity quantity, long startNanos, long endNanos, long untilNanos) {
    long bookedNanos = Math.min(endNanos, untilNanos) - startNanos;
    add(layer, quantity, -Math.max(0, bookedNanos) / threads);
  }

  /** Where each thread's time went at a token that took about as long as most. */
  public Timeline timeline() {
    return timeline;
  }

  /** Closes the current token, which took {@code nanos} in all. */
  public void endToken(long nanos) {
    if (tokens == tokenNanos.length) {
      tokenNanos = Arrays.copyOf(tokenNanos, 2 * tokens);
    }
    tokenNanos[tokens++] = nanos;
    timeline.endToken(tokens - 1, nanos, tokenNanos);
    int needed = (tokens + 1) * layers * QUANTITIES;
    if (needed > cells.length) {
      cells = Arrays.copyOf(cells, 2 * cells.length);
    }
  }

  /** Appends the closed tokens of another run of the same model; what this ledger has of an open token is lost. */
  public void append(Ledger other) {
    if (other.layers != layers) {
      throw new IllegalArgumentException(
          "a ledger of " + other.layers + " layers beside one of " + layers);
    }
    int row = layers * QUANTITIES;
    cells = Arrays.copyOf(cells, Math.max(cells.length, (tokens + other.tokens + 1) * row));
    Arrays.fill(cells, tokens * row, cells.length, 0);
    System.arraycopy(other.cells, 0, cells, tokens * row, other.tokens * row);
    tokenNanos = Arrays.copyOf(tokenNanos, Math.max(tokenNanos.length, tokens + other.tokens));
    System.arraycopy(other.tokenNanos, 0, tokenNanos, tokens, other.tokens);
    tokens += other.tokens;
  }

  /** Forgets everything counted so far. */
  public void clear() {
    Arrays.fill(cells, 0);
    tokens = 0;
    timeline.clear();
  }

  /** Tokens closed. */
  public int tokens() {
    return tokens;
  }

  public int layers() {
    return layers;
  }

  /** Sum over closed tokens and all layers. */
  public long total(Quantity quantity) {
    long sum = 0;
    for (int token = 0; token < tokens; token++) {
      sum += ofToken(token, quantity);
    }
    return sum;
  }

  /** Sum over closed tokens of one layer. */
  public long ofLayer(int layer, Quantity quantity) {
    long sum = 0;
    for (int token = 0; token < tokens; token++) {
      sum += cells[cell(token, layer, quantity)];
    }
    return sum;
  }

  /** Sum over the layers of one token. */
  public long ofToken(int token, Quantity quantity) {
    long sum = 0;
    for (int layer = 0; layer < layers; layer++) {
      sum += cells[cell(token, layer, quantity)];
    }
    return sum;
  }

  /** One cell. */
  public long of(int token, int layer, Quantity quantity) {
    return cells[cell(token, layer, quantity)];
  }

  /** Wall time of one token, in nanoseconds. */
  public long tokenNanos(int token) {
    return tokenNanos[token];
  }

  private int cell(int token, int layer, Quantity quantity) {
    return (token * layers + layer) * QUANTITIES + quantity.ordinal();
  }
}
