package dev.sluice.bundler.coactivation;

import dev.sluice.storage.trace.TraceChunk;
import dev.sluice.storage.trace.TraceHeader;
import dev.sluice.storage.trace.TraceReader;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * The firings of one layer over a range of tokens, as one bitset of neurons per token: {@code tokens × ceil(neurons / 64)}
 * longs, 19 MB for 18,432 neurons and 8,192 tokens. Immutable once made, and so thread-safe.
 */
public final class Activity {
  private final int tokens;
  private final int neurons;
  private final int words;
  private final long[] rows;

  private Activity(int tokens, int neurons, long[] rows) {
    this.tokens = tokens;
    this.neurons = neurons;
    this.words = (neurons + 63) >>> 6;
    this.rows = rows;
  }

  /**
   * Takes a layer's firings out of a trace.
   *
   * @param range tokens of the trace; those before it are read too as far as the rule's window needs them
   * @throws dev.sluice.storage.BadInputException if the trace is damaged
   * @throws IllegalArgumentException if the range ends beyond the trace or needs a bitset of 2^31 longs
   */
  public static Activity read(TraceReader trace, int layer, TokenRange range, FiringRule rule) {
    TraceHeader header = trace.header();
    if (range.end() > header.tokens()) {
      throw new IllegalArgumentException(
          "tokens " + range.first() + ".." + range.end() + " of a trace of " + header.tokens());
    }
    int words = header.words();
    long[] rows = new long[Math.multiplyExact(range.tokens(), words)];
    int[] lastUse = new int[header.neurons()];
    Arrays.fill(lastUse, -1);
    int warmUp = Math.max(0, range.first() - rule.windowTokens());
    TraceChunk chunk = null;
    long[] row = new long[words];
    for (int c = warmUp / header.chunkTokens();
        c < header.chunksPerLayer() && header.firstToken(c) < range.end();
        c++) {
      chunk = trace.read(layer, c, chunk);
      int end = Math.min(header.firstToken(c) + chunk.tokens(), range.end());
      for (int token = Math.max(header.firstToken(c), warmUp); token < end; token++) {
        counted(chunk, token - header.firstToken(c), rule.floor(), row);
        if (rule.windowTokens() > 0) {
          dropResident(row, token, rule.windowTokens(), lastUse);
        }
        if (token >= range.first()) {
          System.arraycopy(row, 0, rows, (token - range.first()) * words, words);
        }
      }
    }
    return new Activity(range.tokens(), header.neurons(), rows);
  }

  /**
   * Firings given as bitsets.
   *
   * @param rows copied; neuron i of token t is bit i mod 64 of {@code rows[t * ceil(neurons / 64) + i / 64]}
   */
  public static Activity of(int tokens, int neurons, long[] rows) {
    int words = (neurons + 63) >>> 6;
    if (rows.length != Math.multiplyExact(tokens, words)) {
      throw new IllegalArgumentException(rows.length + " longs for " + tokens + " × " + words);
    }
    return new Activity(tokens, neurons, rows.clone());
  }

  private static void counted(TraceChunk chunk, int token, float floor, long[] row) {
    int words = row.length;
    System.arraycopy(chunk.masks(), token * words, row, 0, words);
    if (floor == 0) {
      return;
    }
    for (int w = 0; w < words; w++) {
      for (long left = row[w]; left != 0; left &= left - 1) {
        if (chunk.magnitude(token, (w << 6) + Long.numberOfTrailingZeros(left)) < floor) {
          row[w] &= ~Long.lowestOneBit(left);
        }
      }
    }
  }

  private static void dropResident(long[] row, int token, int windowTokens, int[] lastUse) {
    for (int w = 0; w < row.length; w++) {
      for (long left = row[w]; left != 0; left &= left - 1) {
        int neuron = (w << 6) + Long.numberOfTrailingZeros(left);
        if (lastUse[neuron] >= 0 && token - lastUse[neuron] <= windowTokens) {
          row[w] &= ~Long.lowestOneBit(left);
        }
        lastUse[neuron] = token;
      }
    }
  }

  /** Tokens. */
  public int tokens() {
    return tokens;
  }

  /** Neurons. */
  public int neurons() {
    return neurons;
  }

  /** Longs per token. */
  public int words() {
    return words;
  }

  /** One 64-neuron piece of a token's bitset. */
  public long word(int token, int word) {
    return rows[token * words + word];
  }

  /** Firings at all tokens. */
  public long firings() {
    long firings = 0;
    for (long word : rows) {
      firings += Long.bitCount(word);
    }
    return firings;
  }

  /** Firings of each neuron. */
  public int[] counts() {
    int[] counts = new int[neurons];
    for (int i = 0; i < rows.length; i++) {
      for (long left = rows[i]; left != 0; left &= left - 1) {
        counts[(i % words << 6) + Long.numberOfTrailingZeros(left)]++;
      }
    }
    return counts;
  }

  /** The same without the firings of some neurons. */
  public Activity without(BitSet silenced) {
    long[] mask = Arrays.copyOf(silenced.toLongArray(), words);
    long[] left = rows.clone();
    for (int i = 0; i < left.length; i++) {
      left[i] &= ~mask[i % words];
    }
    return new Activity(tokens, neurons, left);
  }

  /** The firings the other way round: one bitset of tokens per neuron, {@code neurons × ceil(tokens / 64)} longs. */
  long[] columns() {
    int columnWords = (tokens + 63) >>> 6;
    long[] columns = new long[Math.multiplyExact(neurons, columnWords)];
    for (int t = 0; t < tokens; t++) {
      for (int w = 0; w < words; w++) {
        for (long left = rows[t * words + w]; left != 0; left &= left - 1) {
          int neuron = (w << 6) + Long.numberOfTrailingZeros(left);
          columns[neuron * columnWords + (t >>> 6)] |= 1L << t;
        }
      }
    }
    return columns;
  }

  /**
   * The null that co-activation is held against: each neuron fires as often, at tokens drawn without regard to the
   * others.
   */
  public Activity independent(long seed) {
    long[] shuffled = new long[rows.length];
    int[] order = new int[tokens];
    Arrays.setAll(order, t -> t);
    int[] firings = new int[neurons];
    for (int t = 0; t < tokens; t++) {
      for (int w = 0; w < words; w++) {
        for (long left = rows[t * words + w]; left != 0; left &= left - 1) {
          firings[(w << 6) + Long.numberOfTrailingZeros(left)]++;
        }
      }
    }
    SplittableRandom random = new SplittableRandom(seed);
    for (int neuron = 0; neuron < neurons; neuron++) {
      // Fisher and Yates, stopped once enough tokens are drawn; any arrangement is a fair start for the next neuron.
      for (int k = 0; k < firings[neuron]; k++) {
        int other = random.nextInt(k, tokens);
        int token = order[other];
        order[other] = order[k];
        order[k] = token;
        shuffled[token * words + (neuron >>> 6)] |= 1L << neuron;
      }
    }
    return new Activity(tokens, neurons, shuffled);
  }

  /**
   * The null that reuse over time is held against: the same tokens in an order drawn anew, so that what fires together stays
   * together and what fires one after another does not.
   *
   * @param seed the same for all layers of a model keeps their tokens together
   */
  public Activity shuffledTokens(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long[] shuffled = rows.clone();
    long[] row = new long[words];
    for (int last = tokens - 1; last > 0; last--) {
      int other = random.nextInt(last + 1);
      System.arraycopy(shuffled, last * words, row, 0, words);
      System.arraycopy(shuffled, other * words, shuffled, last * words, words);
      System.arraycopy(row, 0, shuffled, other * words, words);
    }
    return new Activity(tokens, neurons, shuffled);
  }
}
