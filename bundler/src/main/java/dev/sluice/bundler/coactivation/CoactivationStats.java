package dev.sluice.bundler.coactivation;

import dev.sluice.bundler.coactivation.Partners.Extent;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How often each neuron of a layer fired, and how often each two fired together. P(i) = {@link #count(int)} / tokens,
 * P(i, j) = {@link #pairCount} / tokens (Ripple, arXiv 2410.19274, calls these the activation and co-activation
 * frequencies).
 *
 * <p>Up to {@link #FULL_MATRIX_NEURONS} neurons all pairs are kept ({@code 4 n²} bytes, 16 MiB at most). Beyond, only the
 * bitsets ({@code n · tokens / 8} bytes) and the best partners of each neuron ({@code 8 n m} bytes) are, and other pairs
 * are counted when asked for; {@link #memoryBytes} tells the sum. Immutable once counted, and so thread-safe.
 */
public final class CoactivationStats {
  /** Neurons up to which the full matrix of pair counts is kept. */
  public static final int FULL_MATRIX_NEURONS = 2048;

  /** Partners kept per neuron unless asked otherwise. */
  public static final int DEFAULT_PARTNERS = 64;

  /** Rows that a thread counts at a time: an even number, small enough that the last blocks share out well. */
  private static final int BLOCK_ROWS = 32;

  private final int neurons;
  private final int tokens;
  private final int keptPartners;
  private final long[] columns;
  private final PairCounter counter;
  private final int[] counts;
  private final int[] matrix;
  private final int[] partnerNeurons;
  private final int[] partnerCounts;
  private final int[] partnerSizes;

  private CoactivationStats(Activity activity, int keptPartners) {
    this.neurons = activity.neurons();
    this.tokens = activity.tokens();
    this.keptPartners = keptPartners;
    this.columns = activity.columns();
    int words = (tokens + 63) >>> 6;
    this.counter = new PairCounter(columns, words);
    this.counts = new int[neurons];
    for (int i = 0; i < neurons; i++) {
      for (int w = i * words; w < (i + 1) * words; w++) {
        counts[i] += Long.bitCount(columns[w]);
      }
    }
    boolean full = neurons <= FULL_MATRIX_NEURONS;
    this.matrix = new int[full ? neurons * neurons : 0];
    int lists = full ? 0 : Math.multiplyExact(neurons, keptPartners);
    this.partnerNeurons = new int[lists];
    this.partnerCounts = new int[lists];
    this.partnerSizes = new int[full ? 0 : neurons];
  }

  /**
   * Counts all pairs: n² · tokens / 64 word operations, half of them when the full matrix is kept.
   *
   * @param partners best partners to keep per neuron, at least 1
   * @param threads platform threads to count with, at least 1; the result does not depend on it
   */
  public static CoactivationStats count(Activity activity, int partners, int threads) {
    if (partners < 1 || threads < 1) {
      throw new IllegalArgumentException(partners + " partners, " + threads + " threads");
    }
    CoactivationStats stats =
        new CoactivationStats(activity, Math.min(partners, activity.neurons()));
    stats.countPairs(threads);
    return stats;
  }

  private void countPairs(int threads) {
    AtomicInteger nextRow = new AtomicInteger();
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Future<?>> done = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        done.add(pool.submit(() -> countBlocks(nextRow)));
      }
      for (Future<?> future : done) {
        future.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while counting pairs", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("counting pairs failed", e.getCause());
    }
  }

  private void countBlocks(AtomicInteger nextRow) {
    boolean full = matrix.length > 0;
    int[] block = new int[full ? 0 : BLOCK_ROWS * neurons];
    TopPartners top = new TopPartners(keptPartners);
    while (true) {
      int first = nextRow.getAndAdd(BLOCK_ROWS);
      if (first >= neurons || Thread.currentThread().isInterrupted()) {
        return;
      }
      int end = Math.min(first + BLOCK_ROWS, neurons);
      if (full) {
        countSymmetric(first, end);
      } else {
        counter.count(first, end, 0, neurons, block, neurons);
        for (int i = first; i < end; i++) {
          keepTop(i, block, (i - first) * neurons, top);
        }
      }
    }
  }

  /** Counts a block of rows from its first column on and mirrors it below the diagonal; no two blocks share a cell. */
  private void countSymmetric(int first, int end) {
    int[] block = new int[(end - first) * neurons];
    counter.count(first, end, first, neurons, block, neurons);
    for (int i = first; i < end; i++) {
      for (int j = i; j < neurons; j++) {
        int count = block[(i - first) * neurons + j];
        matrix[i * neurons + j] = count;
        matrix[j * neurons + i] = count;
      }
    }
  }

  private void keepTop(int neuron, int[] row, int offset, TopPartners top) {
    for (int j = 0; j < neurons; j++) {
      if (j != neuron) {
        top.offer(j, row[offset + j]);
      }
    }
    partnerSizes[neuron] = top.drain(partnerNeurons, partnerCounts, neuron * keptPartners);
  }

  /** Neurons of the layer. */
  public int neurons() {
    return neurons;
  }

  /** Tokens counted. */
  public int tokens() {
    return tokens;
  }

  /** Tokens at which a neuron fired. */
  public int count(int neuron) {
    return counts[neuron];
  }

  /** A copy of all neurons' counts. */
  public int[] counts() {
    return counts.clone();
  }

  /** Tokens at which two neurons fired together; of a neuron with itself, its count. */
  public int pairCount(int a, int b) {
    return matrix.length > 0 ? matrix[a * neurons + b] : counter.count(a, b);
  }

  /** The neurons that this one fires with most, as many as were kept. */
  public Partners partners(int neuron) {
    if (matrix.length > 0) {
      int[] all = new int[neurons];
      for (int j = 0; j < neurons; j++) {
        all[j] = j;
      }
      return partnersAmong(neuron, all, neurons);
    }
    int size = partnerSizes[neuron];
    return new Partners(
        partnerNeurons, partnerCounts, neuron * keptPartners, size, extent(size));
  }

  /**
   * The same among some neurons only, counted anew: {@code size · tokens / 64} word operations without the matrix.
   *
   * @param candidates neurons, each once, the first {@code size} of them; the neuron itself is passed over. Faster if
   *     those that fire often come first
   */
  public Partners partnersAmong(int neuron, int[] candidates, int size) {
    TopPartners top = new TopPartners(keptPartners);
    for (int k = 0; k < size; k++) {
      int candidate = candidates[k];
      // Two fire together no more often than either alone, so most of the rare ones need no counting.
      if (candidate != neuron && counts[candidate] >= top.least()) {
        top.offer(candidate, pairCount(neuron, candidate));
      }
    }
    int kept = top.size();
    int[] neuronsKept = new int[kept];
    int[] countsKept = new int[kept];
    top.drain(neuronsKept, countsKept, 0);
    return new Partners(neuronsKept, countsKept, 0, kept, extent(kept));
  }

  private Extent extent(int size) {
    return size < keptPartners ? Extent.COMPLETE : Extent.CUT;
  }

  /**
   * The top-average co-activation gap (docs/papers.md): mean over neurons that fired at least {@code minimumCount} times of
   * max minus mean over j of P(j | i). Counts all pairs anew when there is no matrix.
   */
  public double gap(int minimumCount) {
    double sum = 0;
    int taken = 0;
    for (int i = 0; i < neurons; i++) {
      if (counts[i] < Math.max(1, minimumCount)) {
        continue;
      }
      long together = 0;
      int most = 0;
      for (int j = 0; j < neurons; j++) {
        if (j != i) {
          int count = pairCount(i, j);
          together += count;
          most = Math.max(most, count);
        }
      }
      sum += (most - (double) together / (neurons - 1)) / counts[i];
      taken++;
    }
    return taken == 0 ? 0 : sum / taken;
  }

  /** What {@link #gap} would be if neurons fired independently: P(j) in place of P(j | i). */
  public double gapIfIndependent(int minimumCount) {
    double sum = 0;
    int taken = 0;
    long all = 0;
    int first = 0;
    int second = 0;
    for (int count : counts) {
      all += count;
      second = Math.max(second, Math.min(count, first));
      first = Math.max(first, count);
    }
    boolean unique = first != second;
    for (int i = 0; i < neurons; i++) {
      if (counts[i] >= Math.max(1, minimumCount)) {
        int most = unique && counts[i] == first ? second : first;
        sum += (most - (double) (all - counts[i]) / (neurons - 1)) / tokens;
        taken++;
      }
    }
    return taken == 0 ? 0 : sum / taken;
  }

  /** Bytes that these counts hold in memory. */
  public long memoryBytes() {
    long ints =
        (long) counts.length
            + matrix.length
            + partnerNeurons.length
            + partnerCounts.length
            + partnerSizes.length;
    return ints * Integer.BYTES + (long) columns.length * Long.BYTES;
  }
}
